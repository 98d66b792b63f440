"""Where on this computer a path really leads, and how the machine gets there.

The machine follows the symbolic links in shared folders by itself, and knows nothing of those elsewhere: one that
leads out of the shared folders would lead to its own files of that name. So links are followed here first.
"""

from __future__ import annotations

import errno
import os
import posixpath
from collections.abc import Sequence
from dataclasses import dataclass

from vm.errors import EngineError
from vm.guest.hostpath import WINDOWS, is_within, to_guest, to_host, to_windows

MOST_LINKS = 40
"""After so many Linux gives up as well (path_resolution(7))."""


@dataclass(frozen=True)
class RealPlace:
    """Where a path leads.

    :ivar path: what was asked for, as the host spells it, without ``.`` and ``..``
    :ivar real: the same without links
    :ivar guest: what the machine calls it; None: it is in no shared folder
    :ivar by_share: it begins in a shared folder, so that it never means a file of the machine's
    """

    path: str
    real: str
    guest: str | None
    by_share: bool

    @property
    def may_be_hosts(self) -> bool:
        """Whether the host could have it: Windows has nothing outside its drives."""
        return os.sep == "/" or WINDOWS.fullmatch(self.path) is not None


def real_place(path: str, shares: Sequence[str]) -> RealPlace:
    """Follow an absolute path of the host, or the machine's name for one in a shared folder. Reads the disk.

    What does not exist is followed as far as it does. ``..`` goes back in the text, as for dockerd, not on disk.
    Windows also finds what is written in other letters; the machine is given its own.

    :raise EngineError: its links lead in a circle
    """
    spelled = to_guest(path)
    in_share = to_host(spelled, shares)
    name = in_share or _on_host(path, spelled)
    if name is None:
        return RealPlace(spelled, spelled, None, by_share=False)
    real = _without_links(name)
    place = _in_shares(real, shares)
    if place is not None and _followed_by_guest(spelled, shares) == place:
        place = spelled
    return RealPlace(name, real, place, in_share is not None)


def _on_host(path: str, spelled: str) -> str | None:
    """The host's own name; None: it can have none of that kind, since Windows has drives."""
    return os.path.normpath(path) if os.sep == "/" else to_windows(spelled)


def _without_links(path: str) -> str:
    """:raise EngineError: they lead in a circle."""
    try:
        return os.path.realpath(path, strict=True)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise EngineError(f"The symbolic links of “{path}” lead in a circle", "See: ls -l") from error
        return os.path.realpath(path)


def _in_shares(real: str, shares: Sequence[str]) -> str | None:
    """The machine's name for a path without links. Those of the shared folders may be links (macOS: ``/tmp``)."""
    place = to_guest(real)
    for share in sorted(shares, key=len, reverse=True):
        folder = to_guest(os.path.realpath(share))
        if is_within(place, folder):
            return posixpath.join(to_guest(share), place.removeprefix(folder).strip("/")).rstrip("/") or "/"
    return None


def _followed_by_guest(path: str, shares: Sequence[str]) -> str | None:
    """Where the machine itself gets to, which has the links of the shared folders and no others.

    None: through too many of them, or it cannot be said.
    """
    mounted = {to_guest(share) for share in shares}
    done, left, links = "/", path.strip("/").split("/"), 0
    while left:
        name = left.pop(0)
        step = posixpath.normpath(posixpath.join(done, name))
        host = to_host(step, shares)
        target = _link(host) if host is not None and step not in mounted else None
        if target is None:
            done = step
            continue
        links += 1
        if links > MOST_LINKS or os.sep != "/":
            return None
        done = "/" if target.startswith("/") else done
        left = [part for part in target.split("/") if part] + left
    return done


def _link(path: str) -> str | None:
    """What a symbolic link says; None: it is none."""
    try:
        return os.readlink(path)  # noqa: PTH115 - a text stays a text
    except (OSError, ValueError):
        return None
