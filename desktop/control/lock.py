"""Single instance: a lock file that survives crashes, because the kernel drops the lock with its holder."""

from __future__ import annotations

import os
from pathlib import Path

from vm.host import try_lock


class InstanceLock:
    """The lock at ``path``; its file is never removed.

    Its first line is the holder's process id as decimal text; what follows is the holder's to :meth:`write`.
    """

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
        self._descriptor = descriptor
        self.write("")
        return True

    @property
    def descriptor(self) -> int:
        """The open file; the lock has to be held."""
        assert self._descriptor is not None, "the lock is not held"
        return self._descriptor

    def write(self, text: str) -> None:
        """Replace what follows the process id; it stays when the lock is released, or its holder dies."""
        os.ftruncate(self.descriptor, 0)
        os.lseek(self.descriptor, 0, os.SEEK_SET)
        os.write(self.descriptor, f"{os.getpid()}\n{text}".encode())

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
        return int(path.read_text(encoding="utf-8").partition("\n")[0])
    except (OSError, ValueError):
        return None


def written(path: Path) -> str:
    """What the holder has written after its process id; empty when there is nothing."""
    try:
        return path.read_text(encoding="utf-8").partition("\n")[2]
    except (OSError, ValueError):
        return ""
