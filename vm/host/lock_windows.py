"""LockFile through the C library (msvcrt.locking): one byte far behind the content, so that it stays readable."""

from __future__ import annotations

import msvcrt
import os
import sys

assert sys.platform == "win32"

LOCKED_BYTE = 1 << 20


def try_lock(descriptor: int) -> bool:
    """See :func:`vm.host.try_lock`."""
    os.lseek(descriptor, LOCKED_BYTE, os.SEEK_SET)
    try:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    except OSError:
        return False
    finally:
        os.lseek(descriptor, 0, os.SEEK_SET)
    return True
