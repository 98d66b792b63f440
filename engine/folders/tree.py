"""Tree: file operations below one of the host's folders, and nowhere else, whatever names a guest sends.

tree_posix.py does them on Linux and macOS, tree_windows.py on Windows. sftp.py knows only what is here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

FILE_MODE = 0o777
"""The bits of a mode that a guest may set here; set-user-ID would give this user's rights away."""


class Stat(Protocol):
    """What a file is; ``os.stat_result`` is one."""

    @property
    def st_mode(self) -> int: ...
    @property
    def st_ino(self) -> int: ...
    @property
    def st_dev(self) -> int: ...
    @property
    def st_nlink(self) -> int: ...
    @property
    def st_size(self) -> int: ...
    @property
    def st_atime(self) -> float: ...
    @property
    def st_mtime(self) -> float: ...


class FileSystem(Protocol):
    """What a file system is; ``os.statvfs_result`` is one (statvfs(3))."""

    @property
    def f_bsize(self) -> int: ...
    @property
    def f_frsize(self) -> int: ...
    @property
    def f_blocks(self) -> int: ...
    @property
    def f_bfree(self) -> int: ...
    @property
    def f_bavail(self) -> int: ...
    @property
    def f_files(self) -> int: ...
    @property
    def f_ffree(self) -> int: ...
    @property
    def f_favail(self) -> int: ...
    @property
    def f_flag(self) -> int: ...
    @property
    def f_namemax(self) -> int: ...
    @property
    def f_fsid(self) -> int: ...


class OpenFile(Protocol):
    """An open regular file. Every operation raises OSError as the system's call does."""

    def read(self, size: int, offset: int) -> bytes:
        """At most ``size`` bytes from ``offset``; none at the end."""
        ...

    def write(self, data: memoryview, offset: int) -> None:
        """Write all of ``data``; at the end, wherever that is, if the file was opened to append."""
        ...

    def lstat(self) -> Stat:
        """What it is."""
        ...

    def truncate(self, size: int) -> None:
        """Make it ``size`` bytes long."""
        ...

    def chmod(self, mode: int) -> None:
        """Set its permissions."""
        ...

    def utime(self, times: tuple[int, int]) -> None:
        """Set access and modification time, in seconds."""
        ...

    def sync(self) -> None:
        """Wait until what was written is on the disk."""
        ...

    def close(self) -> None:
        """Close it; nothing else may be called afterwards."""
        ...


class Tree(Protocol):
    """All below one folder, whose own path may have symbolic links when this is made, and not afterwards.

    Every operation raises OSError as the system's call does. Names are bytes, absolute or not, of the folder's
    own. Links are not followed: they are for the guest's own kernel.
    """

    @property
    def keeps_modes(self) -> bool:
        """Whether the system stores permissions; else :meth:`chmod` raises PermissionError for what it cannot."""
        ...

    def lstat(self, path: bytes) -> Stat:
        """What ``path`` is; a link itself, not what it points to."""
        ...

    def open(self, path: bytes, flags: int, mode: int) -> OpenFile:
        """Open a regular file; nothing else is opened.

        :param flags: ``os.O_RDONLY`` and so on: access, APPEND, CREAT, EXCL, TRUNC.
        """
        ...

    def entries(self, path: bytes) -> Iterator[tuple[bytes, Stat]]:
        """Name and :meth:`lstat` of all in the folder ``path``, read as they are asked for."""
        ...

    def chmod(self, path: bytes, mode: int) -> None:
        """Set the permissions of ``path``, of which a link has none."""
        ...

    def utime(self, path: bytes, times: tuple[int, int]) -> None:
        """Set access and modification time, in seconds."""
        ...

    def truncate(self, path: bytes, size: int) -> None:
        """Make the file ``path`` ``size`` bytes long."""
        ...

    def mkdir(self, path: bytes, mode: int) -> None:
        """Make a folder."""
        ...

    def mkfifo(self, path: bytes, mode: int) -> None:
        """Make a FIFO. :raise OSError: as the call does; EOPNOTSUPP where the system cannot do so here."""
        ...

    def rmdir(self, path: bytes) -> None:
        """Remove an empty folder."""
        ...

    def unlink(self, path: bytes) -> None:
        """Remove a name."""
        ...

    def rename(self, old: bytes, new: bytes, *, replace: bool) -> None:
        """Rename; what had the new name is replaced, or the reason for a refusal."""
        ...

    def link(self, old: bytes, new: bytes) -> None:
        """Give a file a second name."""
        ...

    def symlink(self, target: bytes, path: bytes) -> None:
        """Make a link that says ``target``, whatever that is."""
        ...

    def readlink(self, path: bytes) -> bytes:
        """What a link says."""
        ...

    def statvfs(self, path: bytes) -> FileSystem:
        """The file system of the folder that holds ``path``."""
        ...
