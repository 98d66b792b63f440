"""flock(2): the lock belongs to the open file and ends with the process, however that ends."""

from __future__ import annotations

import fcntl
import sys

assert sys.platform != "win32"


def try_lock(descriptor: int) -> bool:
    """See :func:`vm.host.try_lock`."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
