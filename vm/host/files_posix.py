"""setrlimit(2): systems let a process open 256 or 1024 files unless it asks for more, as it may."""

from __future__ import annotations

import resource
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
