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
        """Take the lock for the life of this process.

        :return: False when another process has it.
        :raise OSError: the file cannot be opened.
        """
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
