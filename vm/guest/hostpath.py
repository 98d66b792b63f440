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

WINDOWS = re.compile(r"([A-Za-z]):(?:[\\/](.*))?", re.DOTALL)

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

    :param shares: as the host calls them
    """
    for share in sorted(shares, key=len, reverse=True):  # the innermost, where one holds another
        place = to_guest(share)
        if is_within(path, place):
            rest = path.removeprefix(place).strip("/")
            return os.path.join(share, *rest.split("/")) if rest else share  # noqa: PTH118 - a text stays a text
    return None


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
