"""The tree of a shared folder on Linux and macOS (tree.py says what that is).

A name is split at its slashes; ``..`` is refused. The folder that holds what is named is opened from the root of
the file system without following a single symbolic link, on Linux and macOS by the kernel in one call
(:meth:`vm.host.base.Host.open_folder`), and the last part is used relative to that, without following it either.
So no exchange of a folder for a link at the right moment leads outside. Links are for the guest's own kernel,
which asks for each part of a path. Nothing but files in use is held open: the folder may be renamed, come back,
or be unmounted.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from engine.folders.tree import FILE_MODE

assert sys.platform != "win32"  # no descriptors of folders there

OpenFolder = Callable[[bytes], int]
"""Opens a folder by its absolute path, none of whose parts may be a symbolic link."""

_NEVER = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


class PosixFile:
    """An open file."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def read(self, size: int, offset: int) -> bytes:
        return os.pread(self._descriptor, size, offset)

    def write(self, data: memoryview, offset: int) -> None:
        while data:
            written = os.pwrite(self._descriptor, data, offset)
            data, offset = data[written:], offset + written

    def lstat(self) -> os.stat_result:
        return os.fstat(self._descriptor)

    def truncate(self, size: int) -> None:
        os.ftruncate(self._descriptor, size)

    def chmod(self, mode: int) -> None:
        os.fchmod(self._descriptor, mode & FILE_MODE)

    def utime(self, times: tuple[int, int]) -> None:
        os.utime(self._descriptor, times)

    def sync(self) -> None:
        os.fsync(self._descriptor)

    def close(self) -> None:
        os.close(self._descriptor)


class PosixTree:
    """All below ``root``, whose own path may have symbolic links when this is made, and not afterwards.

    Every operation raises OSError as the system's call does. Names are bytes, absolute or not, of the folder's
    own.
    """

    keeps_modes = True

    def __init__(self, root: Path, open_folder: OpenFolder) -> None:
        self._root = os.path.realpath(os.fsencode(root))
        self._open_folder = open_folder

    @contextlib.contextmanager
    def _at(self, path: bytes) -> Iterator[tuple[int, bytes]]:
        """The folder that holds what ``path`` names, and its name in there (``.`` for the root itself)."""
        parts = [part for part in path.split(b"/") if part not in (b"", b".")]
        if b".." in parts or b"\0" in path:
            raise OSError(errno.ENOENT, "not a name in this folder")
        folder = self._open_folder(b"/".join([self._root.rstrip(b"/"), *parts[:-1]]) or b"/")
        try:
            yield folder, parts[-1] if parts else b"."
        finally:
            os.close(folder)

    def lstat(self, path: bytes) -> os.stat_result:
        """What ``path`` is; a link itself, not what it points to."""
        with self._at(path) as (folder, name):
            return os.stat(name, dir_fd=folder, follow_symlinks=False)

    def open(self, path: bytes, flags: int, mode: int) -> PosixFile:
        """Open a regular file; devices and pipes of the host are not opened."""
        with self._at(path) as (folder, name):
            descriptor = os.open(name, flags | _NEVER, mode & FILE_MODE, dir_fd=folder)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.EACCES, "not an ordinary file")
        return PosixFile(descriptor)

    def entries(self, path: bytes) -> Iterator[tuple[bytes, os.stat_result]]:
        """Name and :meth:`lstat` of all in the folder ``path``, read as they are asked for."""
        with self._at(path) as (folder, name):
            opened = os.open(name, os.O_RDONLY | os.O_DIRECTORY | _NEVER, dir_fd=folder)
        return _entries(opened)

    def chmod(self, path: bytes, mode: int) -> None:
        """Set the permissions of ``path``, of which a link has none."""
        with self._at(path) as (folder, name):
            if os.chmod in os.supports_follow_symlinks and os.chmod in os.supports_dir_fd:
                os.chmod(name, mode & FILE_MODE, dir_fd=folder, follow_symlinks=False)
                return
            held = os.open(name, getattr(os, "O_PATH", 0) | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
            try:  # Linux: the descriptor stands for the file itself, open(2) under O_PATH
                Path(f"/proc/self/fd/{held}").chmod(mode & FILE_MODE)
            finally:
                os.close(held)

    def utime(self, path: bytes, times: tuple[int, int]) -> None:
        """Set access and modification time, in seconds."""
        with self._at(path) as (folder, name):
            os.utime(name, times, dir_fd=folder, follow_symlinks=False)

    def truncate(self, path: bytes, size: int) -> None:
        """Make the file ``path`` ``size`` bytes long."""
        with contextlib.closing(self.open(path, os.O_WRONLY, 0)) as file:
            file.truncate(size)

    def mkdir(self, path: bytes, mode: int) -> None:
        """Make a folder."""
        with self._at(path) as (folder, name):
            os.mkdir(name, mode & FILE_MODE, dir_fd=folder)

    def mkfifo(self, path: bytes, mode: int) -> None:
        """Make a FIFO. :raise OSError: as the call does; EOPNOTSUPP where the system cannot do so here."""
        if os.mkfifo not in os.supports_dir_fd:
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
        with self._at(path) as (folder, name):
            os.mkfifo(name, mode & FILE_MODE, dir_fd=folder)

    def rmdir(self, path: bytes) -> None:
        """Remove an empty folder."""
        with self._at(path) as (folder, name):
            os.rmdir(name, dir_fd=folder)

    def unlink(self, path: bytes) -> None:
        """Remove a name."""
        with self._at(path) as (folder, name):
            os.unlink(name, dir_fd=folder)

    def rename(self, old: bytes, new: bytes, *, replace: bool) -> None:
        """Rename; what had the new name is replaced, or the reason for a refusal."""
        with self._at(old) as (old_folder, old_name), self._at(new) as (new_folder, new_name):
            if not replace:
                with contextlib.suppress(FileNotFoundError):
                    os.stat(new_name, dir_fd=new_folder, follow_symlinks=False)
                    raise FileExistsError(errno.EEXIST, "there is such a name")
            os.replace(old_name, new_name, src_dir_fd=old_folder, dst_dir_fd=new_folder)

    def link(self, old: bytes, new: bytes) -> None:
        """Give a file a second name."""
        with self._at(old) as (old_folder, old_name), self._at(new) as (new_folder, new_name):
            os.link(old_name, new_name, src_dir_fd=old_folder, dst_dir_fd=new_folder, follow_symlinks=False)

    def symlink(self, target: bytes, path: bytes) -> None:
        """Make a link that says ``target``, whatever that is."""
        with self._at(path) as (folder, name):
            os.symlink(target, name, dir_fd=folder)

    def readlink(self, path: bytes) -> bytes:
        """What a link says."""
        with self._at(path) as (folder, name):
            return os.readlink(name, dir_fd=folder)

    def statvfs(self, path: bytes) -> os.statvfs_result:
        """The file system of the folder that holds ``path``."""
        with self._at(path) as (folder, _):
            return os.statvfs(folder)


def _entries(opened: int) -> Iterator[tuple[bytes, os.stat_result]]:
    try:
        with os.scandir(opened) as found:
            for entry in found:
                with contextlib.suppress(FileNotFoundError):  # removed meanwhile
                    yield os.fsencode(entry.name), os.stat(entry.name, dir_fd=opened, follow_symlinks=False)
    finally:
        os.close(opened)
