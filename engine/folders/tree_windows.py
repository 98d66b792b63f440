"""The tree of a shared folder on Windows (tree.py says what that is).

Everything is opened relative to the root of the folder's drive, by the kernel in one call that fails at a link
(vm/host/nt.py). So no exchange of a folder for a link at the right moment leads outside. Upper and lower case are
the same to Windows. What it does not store:

- Permissions, except that a file is read-only: others are refused with EPERM, whereupon the guest keeps them
  itself, as it does those of new files (``share_chmod``, ``stored_mode`` in fuse_overlay.c).
- The removal of a file's last name while it is open, on FAT: its name stays until it is closed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.folders import reparse
from engine.folders.tree import FILE_MODE
from engine.folders.windows_names import LONGEST, shown, spelled
from vm.host import nt
from vm.host.nt import Nt

_DRIVE = re.compile(r"[A-Za-z]:")

_BASIC = struct.Struct("<4qI4x")
_ALL = struct.Struct("<4qI4x2qIBB2xq")
"""FILE_BASIC_INFORMATION, and FILE_ALL_INFORMATION as far as it is of use."""

_TARGET = struct.Struct("<I4xQI")
"""FILE_RENAME_INFORMATION and FILE_LINK_INFORMATION, before the name."""

_DELETE, _REPLACE, _POSIX = 0x1, 0x1, 0x2
_DELETE_READ_ONLY, _REPLACE_READ_ONLY = 0x10, 0x40
"""Flags of FILE_DISPOSITION_INFORMATION_EX and FILE_RENAME_INFORMATION_EX: as POSIX has it, read-only or not."""

_SECOND = 10_000_000
_EPOCH = 11_644_473_600
"""Windows' time counts 100 ns since 1601."""

_NOT_OFFERED = (errno.EOPNOTSUPP, errno.EINVAL)
"""What a file system answers to a request that it does not know."""


@dataclass(frozen=True, slots=True)
class FileStat:
    """What a file is. A tree has one device: it does not lead into other volumes."""

    st_mode: int
    st_ino: int
    st_nlink: int
    st_size: int
    st_atime: float
    st_mtime: float
    st_dev: int = 1


@dataclass(frozen=True, slots=True)
class Volume:
    """What the volume is; it does not count files."""

    f_bsize: int
    f_blocks: int
    f_bfree: int
    f_bavail: int
    f_files: int = 0
    f_ffree: int = 0
    f_favail: int = 0
    f_flag: int = 0
    f_fsid: int = 0
    f_namemax: int = LONGEST

    @property
    def f_frsize(self) -> int:
        return self.f_bsize


class WindowsFile:
    """An open file.

    :param appends: writes go to its end.
    """

    def __init__(self, calls: Nt, handle: int, *, appends: bool) -> None:
        self._nt = calls
        self._handle = handle
        self._appends = appends

    def read(self, size: int, offset: int) -> bytes:
        return self._nt.read(self._handle, size, offset)

    def write(self, data: memoryview, offset: int) -> None:
        left = bytes(data)
        while left:
            written = self._nt.write(self._handle, left, nt.TO_THE_END if self._appends else offset)
            left, offset = left[written:], offset + written

    def lstat(self) -> FileStat:
        return _stat(self._nt, self._handle)

    def truncate(self, size: int) -> None:
        _truncate(self._nt, self._handle, size)

    def chmod(self, mode: int) -> None:
        _chmod(self._nt, self._handle, mode)

    def utime(self, times: tuple[int, int]) -> None:
        _utime(self._nt, self._handle, times)

    def sync(self) -> None:
        with contextlib.suppress(PermissionError):  # opened for reading only: there is nothing of it to write
            self._nt.flush(self._handle)

    def close(self) -> None:
        self._nt.close(self._handle)


class WindowsTree:
    """All below ``root``, which is on a drive with a letter."""

    keeps_modes = False

    def __init__(self, root: Path, calls: Nt) -> None:
        drive, rest = os.path.splitdrive(os.path.realpath(root))
        self._nt = calls
        self._drive = drive
        self._root = [name for name in rest.split("\\") if name]

    def _open(
        self,
        names: Sequence[str],
        access: int,
        options: int = 0,
        disposition: int = nt.OPEN,
        attributes: int = nt.NORMAL,
    ) -> int:
        """A handle of what these names lead to; with LINK_ITSELF, the last may be a link."""
        if not _DRIVE.fullmatch(self._drive):
            raise OSError(errno.ENODEV, "not on a drive")
        volume = f"\\??\\{self._drive}\\"
        whole = [*self._root, *names]
        if not whole:
            return self._nt.open(None, volume, access, options, disposition, attributes)
        top = self._nt.open(None, volume, nt.TRAVERSE, nt.DIRECTORY)
        try:
            return self._nt.open(top, "\\".join(whole), access, options, disposition, attributes)
        finally:
            self._nt.close(top)

    @contextlib.contextmanager
    def _at(self, path: bytes, access: int, options: int = nt.LINK_ITSELF) -> Iterator[int]:
        handle = self._open(spelled(path), access, options)
        try:
            yield handle
        finally:
            self._nt.close(handle)

    def lstat(self, path: bytes) -> FileStat:
        """What ``path`` is. A file that waits for its last user to be gone is no more."""
        try:
            with self._at(path, nt.READ_ATTRIBUTES) as handle:
                return _stat(self._nt, handle)
        except OSError as error:
            if error.errno == errno.EBUSY:  # whoever only asks is in nobody's way otherwise
                raise FileNotFoundError(errno.ENOENT, "it has been removed") from error
            raise

    def open(self, path: bytes, flags: int, mode: int) -> WindowsFile:
        """Open a file. Links and other reparse points that are not handled by Windows itself are refused."""
        access = nt.READ_ATTRIBUTES | nt.WRITE_ATTRIBUTES
        writes = bool(flags & (os.O_WRONLY | os.O_RDWR))
        if not flags & os.O_WRONLY:
            access |= nt.READ_DATA
        if writes:
            access |= nt.WRITE_DATA | nt.APPEND_DATA
        disposition = nt.OPEN
        if flags & os.O_CREAT:
            disposition = nt.CREATE if flags & os.O_EXCL else nt.OPEN_IF
        attributes = nt.NORMAL if mode & stat.S_IWUSR else nt.READ_ONLY
        names = spelled(path, new=bool(flags & os.O_CREAT))
        try:
            handle = self._open(names, access, nt.NOT_DIRECTORY, disposition, attributes)
        except PermissionError:
            if writes:
                raise
            handle = self._open(names, access & ~nt.WRITE_ATTRIBUTES, nt.NOT_DIRECTORY, disposition, attributes)
        file = WindowsFile(self._nt, handle, appends=bool(flags & os.O_APPEND))
        if flags & os.O_TRUNC:  # not OVERWRITE, which would also take a file's attributes away
            try:
                file.truncate(0)
            except BaseException:
                file.close()
                raise
        return file

    def entries(self, path: bytes) -> Iterator[tuple[bytes, FileStat]]:
        """Name and attributes of all in a folder. The number of names is not listed: it is 1."""
        return self._entries(self._open(spelled(path), nt.READ_DATA | nt.TRAVERSE, nt.DIRECTORY))

    def _entries(self, handle: int) -> Iterator[tuple[bytes, FileStat]]:
        try:
            for one in self._nt.entries(handle):
                if one.name not in (".", ".."):
                    mode = reparse.mode_of(one.attributes, one.tag)
                    times = _seconds(one.accessed), _seconds(one.written)
                    yield shown(one.name), FileStat(mode, one.identity % 2**64, 1, one.size, *times)
        finally:
            self._nt.close(handle)

    def chmod(self, path: bytes, mode: int) -> None:
        """Set whether a file is read-only. :raise PermissionError: EPERM: Windows cannot store this mode."""
        with self._at(path, nt.READ_ATTRIBUTES | nt.WRITE_ATTRIBUTES) as handle:
            _chmod(self._nt, handle, mode)

    def utime(self, path: bytes, times: tuple[int, int]) -> None:
        """Set access and modification time, in seconds."""
        with self._at(path, nt.WRITE_ATTRIBUTES) as handle:
            _utime(self._nt, handle, times)

    def truncate(self, path: bytes, size: int) -> None:
        """Make the file ``path`` ``size`` bytes long."""
        with self._at(path, nt.WRITE_DATA, nt.NOT_DIRECTORY) as handle:
            _truncate(self._nt, handle, size)

    def mkdir(self, path: bytes, mode: int) -> None:
        """Make a folder."""
        self._nt.close(self._open(spelled(path, new=True), nt.READ_ATTRIBUTES, nt.DIRECTORY, nt.CREATE))

    def mkfifo(self, path: bytes, mode: int) -> None:
        """Make a FIFO as WSL does."""
        self._make_point(path, reparse.fifo())

    def symlink(self, target: bytes, path: bytes) -> None:
        """Make a link that says ``target``, as WSL does: any user may, and any target will do."""
        self._make_point(path, reparse.link_to(target))

    def _make_point(self, path: bytes, data: bytes) -> None:
        access = nt.WRITE_DATA | nt.WRITE_ATTRIBUTES | nt.DELETE
        handle = self._open(spelled(path, new=True), access, nt.NOT_DIRECTORY | nt.LINK_ITSELF, nt.CREATE)
        try:
            self._nt.control(handle, nt.SET_REPARSE_POINT, data)
        except OSError as error:
            self._remove(handle)
            raise PermissionError(errno.EPERM, "the file system has no links") from error
        finally:
            self._nt.close(handle)

    def readlink(self, path: bytes) -> bytes:
        """What a link says, with the machine's names for drives."""
        with self._at(path, nt.READ_ATTRIBUTES) as handle:
            return reparse.target(_point(self._nt, handle))

    def rmdir(self, path: bytes) -> None:
        """Remove an empty folder."""
        self._require_not_root(path)
        with self._at(path, nt.READ_ATTRIBUTES | nt.DELETE) as handle:
            if not stat.S_ISDIR(_stat(self._nt, handle).st_mode):
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
            self._remove(handle)

    def unlink(self, path: bytes) -> None:
        """Remove a name, of a file that is read-only as well."""
        self._require_not_root(path)
        with self._at(path, nt.READ_ATTRIBUTES | nt.WRITE_ATTRIBUTES | nt.DELETE) as handle:
            if stat.S_ISDIR(_stat(self._nt, handle).st_mode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            self._remove(handle)

    def _remove(self, handle: int) -> None:
        """Remove the name by which a file was opened; at once where the file system can, whoever has it open."""
        flags = _DELETE | _POSIX | _DELETE_READ_ONLY
        try:
            self._nt.set(handle, nt.DISPOSITION_EX, flags.to_bytes(4, "little"))
        except OSError as error:
            if error.errno not in _NOT_OFFERED:
                raise
            with _writable(self._nt, handle):
                self._nt.set(handle, nt.DISPOSITION, b"\1")

    def rename(self, old: bytes, new: bytes, *, replace: bool) -> None:
        """Rename; what had the new name is replaced as POSIX has it, or the reason for a refusal."""
        self._require_not_root(old)
        names = spelled(new, new=True)
        with self._at(old, nt.READ_ATTRIBUTES | nt.WRITE_ATTRIBUTES | nt.DELETE) as handle:
            if replace and self._is_same(_stat(self._nt, handle), spelled(old), names):
                return
            if replace:
                self._make_way(_stat(self._nt, handle), new)
            with self._parent(names) as folder:
                flags = _REPLACE | _POSIX | _REPLACE_READ_ONLY if replace else 0
                try:
                    self._nt.set(handle, nt.RENAME_EX, _destination(flags, folder, names[-1]))
                except OSError as error:
                    if error.errno not in _NOT_OFFERED:
                        raise
                    if replace:
                        with contextlib.suppress(OSError):  # it need not be there
                            self.chmod(new, 0o777)
                    self._nt.set(handle, nt.RENAME, _destination(int(replace), folder, names[-1]))

    def _is_same(self, source: FileStat, old: Sequence[str], new: Sequence[str]) -> bool:
        """Whether both are names of one file, which both stay then (rename(2)); not the same in other letters."""
        if source.st_nlink == 1 or [name.casefold() for name in old] == [name.casefold() for name in new]:
            return False
        with contextlib.suppress(OSError):
            return self.lstat(shown("/".join(new))).st_ino == source.st_ino
        return False

    def _make_way(self, source: FileStat, new: bytes) -> None:
        """Remove the empty folder that a folder is to replace, which Windows does not.

        :raise OSError: what is there is of another kind, or a folder that is not empty.
        """
        try:
            there = self.lstat(new)
        except FileNotFoundError:
            return
        if there.st_ino == source.st_ino:  # the same name in other letters
            return
        if stat.S_ISDIR(there.st_mode):
            if not stat.S_ISDIR(source.st_mode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            self.rmdir(new)
        elif stat.S_ISDIR(source.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))

    def link(self, old: bytes, new: bytes) -> None:
        """Give a file a second name."""
        names = spelled(new, new=True)
        with self._at(old, nt.WRITE_ATTRIBUTES) as handle, self._parent(names) as folder:
            self._nt.set(handle, nt.LINK, _destination(0, folder, names[-1]))

    @contextlib.contextmanager
    def _parent(self, names: Sequence[str]) -> Iterator[int]:
        if not names:
            raise OSError(errno.EBUSY, "the shared folder itself")
        folder = self._open(names[:-1], nt.TRAVERSE | nt.WRITE_DATA, nt.DIRECTORY)
        try:
            yield folder
        finally:
            self._nt.close(folder)

    def _require_not_root(self, path: bytes) -> None:
        if not spelled(path):
            raise OSError(errno.EBUSY, "the shared folder itself")

    def statvfs(self, path: bytes) -> Volume:
        """The volume of the folder."""
        with self._at(b"/", nt.READ_ATTRIBUTES, nt.DIRECTORY) as handle:
            total, ours, free, size = self._nt.full_size(handle)
        return Volume(size, total, free, ours)


def _stat(calls: Nt, handle: int) -> FileStat:
    found = _ALL.unpack_from(calls.query(handle, nt.ALL, 4096))
    _, accessed, written, _, attributes, _, size, links, _, _, identity = found
    tag = 0
    if attributes & nt.IS_REPARSE_POINT:
        tag = int.from_bytes(calls.query(handle, nt.TAG, 8)[4:], "little")
    mode = reparse.mode_of(attributes, tag)
    if stat.S_ISLNK(mode):
        with contextlib.suppress(OSError):
            size = len(reparse.target(_point(calls, handle)))
    return FileStat(mode, identity % 2**64, max(links, 1), size, _seconds(accessed), _seconds(written))


def _point(calls: Nt, handle: int) -> bytes:
    """The data of a reparse point. :raise OSError: EINVAL: it is none."""
    return calls.control(handle, nt.GET_REPARSE_POINT, room=nt.LONGEST_REPARSE)


def _chmod(calls: Nt, handle: int, mode: int) -> None:
    """:raise PermissionError: EPERM: the mode is another than Windows can store; what it can is set."""
    found = _BASIC.unpack(calls.query(handle, nt.BASIC, _BASIC.size))
    attributes = found[4]
    if not attributes & nt.IS_DIRECTORY:
        wanted = attributes & ~(nt.READ_ONLY | nt.NORMAL) | (0 if mode & stat.S_IWUSR else nt.READ_ONLY)
        if wanted != attributes & ~nt.NORMAL:
            calls.set(handle, nt.BASIC, _BASIC.pack(0, 0, 0, 0, wanted or nt.NORMAL))
        attributes = wanted
    if mode & FILE_MODE != stat.S_IMODE(reparse.mode_of(attributes, 0)):
        raise PermissionError(errno.EPERM, "Windows has no such permissions")


@contextlib.contextmanager
def _writable(calls: Nt, handle: int) -> Iterator[None]:
    """The file is not read-only meanwhile, and is again if this fails."""
    found = _BASIC.unpack(calls.query(handle, nt.BASIC, _BASIC.size))
    attributes = found[4]
    if attributes & nt.IS_DIRECTORY or not attributes & nt.READ_ONLY:
        yield
        return
    calls.set(handle, nt.BASIC, _BASIC.pack(0, 0, 0, 0, attributes & ~nt.READ_ONLY or nt.NORMAL))
    try:
        yield
    except BaseException:
        calls.set(handle, nt.BASIC, _BASIC.pack(0, 0, 0, 0, attributes))
        raise


def _utime(calls: Nt, handle: int, times: tuple[int, int]) -> None:
    accessed, written = ((when + _EPOCH) * _SECOND for when in times)
    calls.set(handle, nt.BASIC, _BASIC.pack(0, accessed, written, 0, 0))


def _truncate(calls: Nt, handle: int, size: int) -> None:
    if size >= 2**63:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
    calls.set(handle, nt.END_OF_FILE_AT, struct.pack("<q", size))


def _destination(flags: int, folder: int, name: str) -> bytes:
    text = name.encode("utf-16-le", "surrogatepass")
    return _TARGET.pack(flags, folder, len(text)) + text + bytes(4)


def _seconds(when: int) -> float:
    return when / _SECOND - _EPOCH
