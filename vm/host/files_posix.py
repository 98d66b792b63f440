"""What POSIX systems know of descriptors: how many a process may have, and whether a socket's other end is there.

Systems let a process open 256 or 1024 files unless it asks for more, as it may (setrlimit(2)).
"""

from __future__ import annotations

import resource
import select
import socket
import sys

assert sys.platform != "win32"

ENOUGH = 1 << 16
"""Two for each of many thousand connections. macOS refuses "unlimited"."""


def allow_many_files() -> int:
    """See :func:`vm.host.allow_many_files`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH if hard == resource.RLIM_INFINITY else min(ENOUGH, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (ValueError, OSError):  # the system has a lower bound of its own
            return soft
        return wanted
    return soft


def has_left(connection: socket.socket | None) -> bool:
    """Whether the other end of a stream socket has been closed: poll(2) tells when *both* directions are shut."""
    if connection is None or connection.fileno() < 0:
        return False
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLOUT)  # not POLLIN: macOS calls a half-close a hang-up there
    return any(events & (select.POLLHUP | select.POLLERR) for _, events in poll.poll(0))
