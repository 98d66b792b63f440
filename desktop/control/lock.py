"""Single instance: a lock file that survives crashes, because the kernel drops the lock with its holder."""

from __future__ import annotations

import os
from pathlib import Path

from vm.host import try_lock


class InstanceLock:
    """The lock at ``path``; its file holds the holder's process id as decimal text and is never removed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """Take the lock for the life of this process. Idempotent.

        :return: False when another process has it.
        :raise OSError: the file cannot be opened.
        """
        if self._descriptor is not None:
            return True
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        if not try_lock(descriptor):
            os.close(descriptor)
            return False
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Give the lock back. Idempotent."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def is_held(path: Path) -> bool:
    """Whether a process holds the lock at ``path``.

    It is tried, which for a moment keeps others from taking it.
    """
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        return not try_lock(descriptor)
    finally:
        os.close(descriptor)


def holder(path: Path) -> int | None:
    """The process that has taken the lock at ``path`` last; None when the file does not say."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
