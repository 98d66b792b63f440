"""How a path of the host is called in the machine, and which folders cannot be shared with it.

Shared folders are mounted where they are on the host, so that a bind mount's source means the same on both
sides. A path of Windows gets its drive's letter as its first folder, as in Docker Desktop: ``C:\\Users\\x`` is
``/c/Users/x``. All functions are pure: they look at names, never at a disk.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Sequence

WINDOWS = re.compile(r"(?:[\\/]{2}[.?][\\/])?([A-Za-z]):(?:[\\/](.*))?", re.DOTALL)
"""A path on a drive of Windows', with or without the prefix that switches Win32's rules for names off."""

DRIVE = re.compile(r"/([A-Za-z])(?:/(.*))?", re.DOTALL)
"""The machine's name for one; some programs write the letter in upper case."""

OTHER_SYSTEMS = re.compile(r"\\\\.*|//wsl(?:\$|\.localhost)(?:/.*)?", re.DOTALL | re.IGNORECASE)
"""What Windows has elsewhere: on the network, in WSL, and its pipes and devices."""

SYSTEM = (
    *("/bin", "/boot", "/dev", "/etc", "/init", "/lib", "/lib32", "/lib64", "/proc", "/sbin", "/sys"),
    *("/usr/bin", "/usr/lib", "/usr/sbin", "/usr/share", "/var/lib/containerd", "/var/lib/docker", "/var/run"),
    *("/run/containerd", "/run/docker", "/run/docker.sock", "/run/slipway"),
    *("/Library", "/System", "/c/Program Files", "/c/Program Files (x86)", "/c/ProgramData", "/c/Windows"),
)
"""Folders a system needs, the host's or the machine's, in the machine's spelling. None of them is shared, nor
what is in them, nor what holds them (so neither ``/`` nor ``/usr`` nor ``C:\\``)."""

SCRATCH = ("/private/tmp", "/tmp", "/var/tmp")
"""Where the machine's programs keep files of their own: not shared whole, but folders in them may be."""


def to_guest(path: str) -> str:
    """The machine's name for an absolute path of the host, without ``.``, ``..`` and doubled slashes."""
    match = WINDOWS.fullmatch(path)
    if match is not None:
        rest = (match[2] or "").replace("\\", "/")
        path = f"/{match[1].lower()}/{rest}"
    path = posixpath.normpath(path)
    return path[1:] if path.startswith("//") else path  # POSIX lets two slashes mean something else; here nothing


def to_host(path: str, shares: Sequence[str]) -> str | None:
    """The host's name for ``path``, in the machine's spelling; None when it is in none of the shared folders.

    :param shares: as the host calls them; upper and lower case are the same in those of Windows
    """
    parts = _parts(path)
    for share in sorted(shares, key=len, reverse=True):  # the innermost, where one holds another
        folder = _parts(to_guest(share))
        fold = str.casefold if WINDOWS.fullmatch(share) else str
        if list(map(fold, parts[: len(folder)])) == list(map(fold, folder)):
            return os.path.join(share, *parts[len(folder) :])  # noqa: PTH118 - a text stays a text
    return None


def to_windows(path: str) -> str | None:
    """Windows' name for ``path``, in the machine's spelling; None when it is on no drive."""
    match = DRIVE.fullmatch(path)
    return f"{match[1].upper()}:\\" + (match[2] or "").replace("/", "\\") if match is not None else None


def is_elsewhere(path: str) -> bool:
    """Whether a path of Windows', as its users write it, is on no drive, so that it cannot be in the machine."""
    return WINDOWS.fullmatch(path) is None and OTHER_SYSTEMS.fullmatch(path) is not None


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part]


def is_within(path: str, folder: str) -> bool:
    """Whether ``path`` is ``folder`` or lies below it; both in the machine's spelling."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def system_folder(path: str) -> str | None:
    """The system's folder that ``path``, in the machine's spelling, is, lies in, or holds; None: there is none."""
    if path in SCRATCH:
        return path
    wanted = path.casefold() if re.match(r"/[a-z](/|$)", path) else path  # drives ignore case
    for folder in SYSTEM:
        known = folder.casefold() if folder.startswith("/c/") else folder
        if is_within(wanted, known) or is_within(known, wanted):
            return folder
    return None
