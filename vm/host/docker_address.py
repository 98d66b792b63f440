"""The address at which the docker command reaches a Unix socket: what it can read, and a link where it cannot.

docker checks that an address is a URL and then takes what follows ``unix://`` as it is written (cli/connhelper and
client.ParseHostURL in its sources), so no spelling reaches a path with, for example, ``%`` before a letter. Such a
socket gets a symbolic link at a path that can be read, in a folder of the user's own.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import stat
from pathlib import Path

LINKS = Path("/tmp")
"""Where the link's folder is: the same for each of the user's terminals, whatever their TMPDIR."""

NOT_READ = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
"""What no address may hold: control characters (Go's net/url), and what is not UTF-8, which JSON cannot carry."""

NO_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
"""A ``%`` that escapes nothing; only a URL's query may hold one."""


def is_read_by_docker(address: str) -> bool:
    """Whether the docker command can read an address, in a context or in DOCKER_HOST."""
    rest, _, fragment = address.partition("#")
    parts = rest.partition("?")[0], fragment
    return NOT_READ.search(address) is None and not any(NO_ESCAPE.search(part) for part in parts)


def link_to(socket: Path) -> Path | None:
    """The link by which docker reaches a socket whose own path it cannot read; None where it can."""
    user = _user()
    if user is None or is_read_by_docker(str(socket)):
        return None
    return LINKS / f"slipway-{user}-{hashlib.sha256(os.fsencode(socket)).hexdigest()[:8]}" / socket.name


def make_link(link: Path, socket: Path) -> None:
    """Make the link that :func:`link_to` names, or correct it.

    :raise OSError: it cannot be made; EEXIST: what is in its place is not the user's own folder.
    """
    folder = link.parent
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != _user() or found.st_mode & 0o077:
        raise OSError(errno.EEXIST, "it is not a folder of yours alone", str(folder))
    if not link.is_symlink() or link.readlink() != socket:
        new = folder / f".{link.name}.{os.getpid()}"
        new.unlink(missing_ok=True)
        new.symlink_to(socket)
        new.replace(link)


def remove_link(link: Path | None) -> None:
    """Remove what :func:`make_link` has made, if there is any; the next start makes it again."""
    if link is not None:
        with contextlib.suppress(OSError):  # it was never made, or the system has cleaned it up
            link.unlink()
            link.parent.rmdir()


def _user() -> int | None:
    """This user's number; None on Windows."""
    number: int | None = getattr(os, "getuid", lambda: None)()
    return number
