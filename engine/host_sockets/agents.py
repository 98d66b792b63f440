"""The user's SSH agents: each login has its own, whose socket has a path of its own.

A client reports the one it has (SSH_AUTH_SOCK, ssh-agent(1)). One that was not known before is a newer login's.
The path of a login that has ended may stay, with nothing that listens there.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from vm.guest.hostpath import to_guest

VARIABLE = "SSH_AUTH_SOCK"

MOST = 16
"""How many are remembered."""


class SshAgents:
    """Paths of sockets, the one to try first at the beginning.

    :param path: the first; empty: there is none.
    """

    def __init__(self, path: str = "") -> None:
        self._paths: list[str] = []
        self.prefer(path)

    def __iter__(self) -> Iterator[str]:
        """Those that belong to this user, or to anyone where that is an administrator; looks at the disk."""
        return iter([path for path in self._paths if _is_own(path)])

    def is_known(self, place: str) -> bool:
        """Whether a path, in the machine's spelling, is that of a known one."""
        return place in map(to_guest, self._paths)

    def __bool__(self) -> bool:
        return bool(self._paths)

    def add(self, path: str) -> None:
        """A client has this one: it is tried first if it was not known."""
        if path not in self._paths:
            self.prefer(path)

    def prefer(self, path: str) -> None:
        """Try this one first from now on; nothing if it is empty."""
        if path:
            self._paths = [path, *(known for known in self._paths if known != path)][:MOST]


def _is_own(path: str) -> bool:
    """Whether a socket is not another user's, who may have made one where an agent was; so is one that is gone."""
    user = getattr(os, "geteuid", lambda: 0)()
    with contextlib.suppress(OSError):
        return bool(user in (0, os.stat(path).st_uid))  # noqa: PTH116 - a socket's path, as it was given
    return True
