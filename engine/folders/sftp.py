"""An SFTP server, version 3, over any reader and writer: the protocol only; tree.py does what is asked.

Sources: draft-ietf-secsh-filexfer-02, and OpenSSH's PROTOCOL file (section 4) for the extensions and for the order
of SYMLINK's arguments. Requests are answered in their order, all that have arrived in one piece. Owners are
always root: fuse_overlay.c in the guest keeps the owners that containers see. A handle's number is never reused,
so that an outdated one means no file at all.

What the protocol lacks, in ways that a client ignores that does not know them (sftp_errors.c in the guest does):

- The protocol has eight codes for errors. A status also carries the number that the error has on Linux, as its
  language tag (errors.py).
- SETSTAT with permissions that have the type of a FIFO makes one.
- NO_MODES in VERSION: a mode other than 0777, and 0555 of a file, is refused with EPERM, and of a new one ignored.
- To a client that names INODES in its INIT, attributes are sent with the inode number in place of the owner (its
  upper half as uid, its lower as gid) and the number of names in the upper half of the permissions.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from engine.folders.errors import LINUX, linux_number, tag
from engine.folders.tree import OpenFile, Stat, Tree

INIT, VERSION = 1, 2
OPEN, CLOSE, READ, WRITE, LSTAT, FSTAT, SETSTAT, FSETSTAT, OPENDIR, READDIR = range(3, 13)
REMOVE, MKDIR, RMDIR, REALPATH, STAT, RENAME, READLINK, SYMLINK = range(13, 21)
STATUS, HANDLE, DATA, NAME, ATTRS = range(101, 106)
EXTENDED, EXTENDED_REPLY = 200, 201

OK, EOF, NO_SUCH_FILE, PERMISSION_DENIED, FAILURE, BAD_MESSAGE = range(6)
OP_UNSUPPORTED = 8

HAS_SIZE, HAS_OWNER, HAS_MODE, HAS_TIMES, HAS_MORE = 1, 2, 4, 8, 0x80000000
FLAG_READ, FLAG_WRITE, FLAG_APPEND, FLAG_CREATE, FLAG_TRUNCATE, FLAG_EXCLUSIVE = 1, 2, 4, 8, 16, 32

INODES, NO_MODES = b"inodes@slipway", b"no-modes@slipway"

EXTENSIONS = (
    (b"posix-rename@openssh.com", b"1"),
    (b"statvfs@openssh.com", b"2"),
    (b"hardlink@openssh.com", b"1"),
    (b"fsync@openssh.com", b"1"),
    (INODES, b"1"),
)

LONGEST = 512 * 1024
"""Bytes of the longest request; sshfs writes at most 128 KiB at once."""

LONGEST_READ = 120 * 1024
LISTING = 48 * 1024
"""sshfs takes answers of up to 128 KiB."""

MOST_HANDLES = 8192

_HEAD = struct.Struct(">IB")
_ATTRS = struct.Struct(">IQIIIII")
_STATVFS = struct.Struct(">11Q")

_SPREAD = 0x9E3779B97F4A7C15
"""Odd: different devices stay different when they are multiplied by it."""


class Malformed(Exception):
    """A message that is none."""


@dataclass
class Asked:
    """What SETSTAT, OPEN and MKDIR want a file to be."""

    size: int | None = None
    mode: int | None = None
    times: tuple[int, int] | None = None


class Request:
    """The arguments of one request, taken in order."""

    def __init__(self, body: memoryview) -> None:
        self._body = body
        self._place = 0

    @property
    def has_more(self) -> bool:
        """Whether there are arguments that have not been taken."""
        return self._place < len(self._body)

    def _take(self, size: int) -> memoryview:
        start, self._place = self._place, self._place + size
        if self._place > len(self._body):
            raise Malformed
        return self._body[start : self._place]

    def u32(self) -> int:
        return int.from_bytes(self._take(4), "big")

    def u64(self) -> int:
        return int.from_bytes(self._take(8), "big")

    def data(self) -> memoryview:
        return self._take(self.u32())

    def text(self) -> bytes:
        return bytes(self.data())

    def attrs(self) -> Asked:
        asked, flags = Asked(), self.u32()
        if flags & HAS_SIZE:
            asked.size = self.u64()
        if flags & HAS_OWNER:
            self.u64()  # uid and gid: nothing here follows them
        if flags & HAS_MODE:
            asked.mode = self.u32()
        if flags & HAS_TIMES:
            asked.times = (self.u32(), self.u32())
        if flags & HAS_MORE:
            for _ in range(2 * self.u32()):
                self.data()
        return asked


def text(value: bytes) -> bytes:
    """A ``string`` of RFC 4251 section 5."""
    return len(value).to_bytes(4, "big") + value


def inode(st: Stat, device: int) -> int:
    """An inode number that no file of another file system has: those on ``device`` keep theirs."""
    other = 0 if st.st_dev == device else st.st_dev * _SPREAD
    return (st.st_ino ^ other) % 2**64 or 1


def attrs(st: Stat, device: int | None = None) -> bytes:
    """A file's attributes in SFTP; times outside of 1970 to 2106 become the nearest that fits.

    :param device: of the files that keep their inode numbers; None: the client did not ask for INODES.
    """
    atime, mtime = (min(max(int(when), 0), 0xFFFFFFFF) for when in (st.st_atime, st.st_mtime))
    upper, lower, mode = 0, 0, st.st_mode
    if device is not None:
        upper, lower = divmod(inode(st, device), 2**32)
        mode |= min(st.st_nlink, 0xFFFF) << 16
    return _ATTRS.pack(HAS_SIZE | HAS_OWNER | HAS_MODE | HAS_TIMES, st.st_size, upper, lower, mode, atime, mtime)


def code_of(error: OSError) -> int:
    """The status for an error; the protocol has few."""
    if error.errno == errno.ENOENT:
        return NO_SUCH_FILE
    if error.errno in (errno.EACCES, errno.EROFS):
        return PERMISSION_DENIED
    if error.errno == errno.EBADF:
        return BAD_MESSAGE
    return OP_UNSUPPORTED if error.errno in (errno.ENOSYS, errno.EOPNOTSUPP) else FAILURE


class SftpServer:
    """One session. Not for more than one thread."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._files: dict[int, OpenFile] = {}
        self._listings: dict[int, Iterator[tuple[bytes, Stat]]] = {}
        self._next = 0
        self._device: int | None = None
        self._buffer = bytearray()
        self._calls: dict[int, Callable[[Request], bytes]] = {
            **{OPEN: self._open, CLOSE: self._close, READ: self._read, WRITE: self._write, LSTAT: self._lstat},
            **{STAT: self._lstat, FSTAT: self._fstat, SETSTAT: self._setstat, FSETSTAT: self._fsetstat},
            **{OPENDIR: self._opendir, READDIR: self._readdir, REMOVE: self._remove, MKDIR: self._mkdir},
            **{RMDIR: self._rmdir, REALPATH: self._realpath, RENAME: self._rename, READLINK: self._readlink},
            **{SYMLINK: self._symlink, EXTENDED: self._extended},
        }

    def answer(self, data: bytes) -> bytes:
        """Take what has arrived; the answers to all that is complete.

        :raise Malformed: this is not SFTP, and the session is of no use any more.
        """
        self._buffer += data
        answers, place = [], 0
        with memoryview(bytes(self._buffer)) as view:
            while len(view) - place >= 5:
                size, kind = _HEAD.unpack_from(view, place)
                if not 1 <= size <= LONGEST:
                    raise Malformed
                end = place + 4 + size
                if len(view) < end:
                    break
                answers.append(self._one(kind, view[place + 5 : end]))
                place = end
        del self._buffer[:place]
        return b"".join(answers)

    def close(self) -> None:
        """Give all files back."""
        for file in self._files.values():
            file.close()
        self._files.clear()
        self._listings.clear()

    def _one(self, kind: int, body: memoryview) -> bytes:
        if kind == INIT:
            return self._init(Request(body))
        if len(body) < 4:
            raise Malformed
        ident, call = bytes(body[:4]), self._calls.get(kind)
        if call is None:
            return _packet(STATUS, ident + _refusal(OP_UNSUPPORTED, LINUX["EOPNOTSUPP"])[1:])
        try:
            answer = call(Request(body[4:]))
        except OSError as error:
            answer = _refusal(code_of(error), linux_number(error.errno), error.strerror or "")
        except (Malformed, ValueError, OverflowError):
            answer = _refusal(BAD_MESSAGE, LINUX["EINVAL"])
        return _packet(answer[0], ident + answer[1:])

    def _init(self, request: Request) -> bytes:
        request.u32()  # a version; there is one
        while request.has_more:
            name, _ = request.text(), request.text()
            if name == INODES:
                self._device = self._root_device()
        offered = EXTENSIONS if self._tree.keeps_modes else (*EXTENSIONS, (NO_MODES, b"1"))
        return _packet(VERSION, b"\0\0\0\3" + b"".join(text(name) + text(value) for name, value in offered))

    def _root_device(self) -> int:
        """The device that the folder is on; 0, which is none, while there is no folder."""
        try:
            return self._tree.lstat(b"/").st_dev
        except OSError:
            return 0

    def _attrs(self, st: Stat) -> bytes:
        return attrs(st, self._device)

    # -- files --------------------------------------------------------------------------------------------------

    def _handle(self) -> int:
        if len(self._files) + len(self._listings) >= MOST_HANDLES:
            raise OSError(errno.EMFILE, "too many open files")
        self._next += 1
        return self._next

    def _number(self, request: Request) -> int:
        return int.from_bytes(request.data(), "big")

    def _file(self, request: Request) -> OpenFile:
        try:
            return self._files[self._number(request)]
        except KeyError:
            raise OSError(errno.EBADF, "no such handle") from None

    def _open(self, request: Request) -> bytes:
        path, wanted, asked = request.text(), request.u32(), request.attrs()
        flags = os.O_RDWR if wanted & FLAG_READ and wanted & FLAG_WRITE else os.O_RDONLY
        if wanted & FLAG_WRITE and not wanted & FLAG_READ:
            flags = os.O_WRONLY
        for bit, flag in (
            (FLAG_APPEND, os.O_APPEND),
            (FLAG_CREATE, os.O_CREAT),
            (FLAG_TRUNCATE, os.O_TRUNC),
            (FLAG_EXCLUSIVE, os.O_EXCL),
        ):
            flags |= flag if wanted & bit else 0
        number = self._handle()
        self._files[number] = self._tree.open(path, flags, 0o666 if asked.mode is None else asked.mode)
        return bytes([HANDLE]) + text(number.to_bytes(8, "big"))

    def _close(self, request: Request) -> bytes:
        number = self._number(request)
        if number in self._files:
            self._files.pop(number).close()
        elif self._listings.pop(number, None) is None:
            raise OSError(errno.EBADF, "no such handle")
        return _ok()

    def _read(self, request: Request) -> bytes:
        file, offset, size = self._file(request), request.u64(), request.u32()
        data = file.read(min(size, LONGEST_READ), offset)
        return bytes([DATA]) + text(data) if data or not size else bytes([STATUS]) + _status(EOF)

    def _write(self, request: Request) -> bytes:
        file, offset, data = self._file(request), request.u64(), request.data()
        file.write(data, offset)
        return _ok()

    # -- what files are -----------------------------------------------------------------------------------------

    def _lstat(self, request: Request) -> bytes:
        return bytes([ATTRS]) + self._attrs(self._tree.lstat(request.text()))

    def _fstat(self, request: Request) -> bytes:
        return bytes([ATTRS]) + self._attrs(self._file(request).lstat())

    def _setstat(self, request: Request) -> bytes:
        path, asked = request.text(), request.attrs()
        if asked.mode is not None and stat.S_ISFIFO(asked.mode):
            self._tree.mkfifo(path, asked.mode)
            return _ok()
        if asked.size is not None:
            self._tree.truncate(path, asked.size)
        if asked.mode is not None:
            self._tree.chmod(path, asked.mode)
        if asked.times is not None:
            self._tree.utime(path, asked.times)
        return _ok()

    def _fsetstat(self, request: Request) -> bytes:
        file, asked = self._file(request), request.attrs()
        if asked.size is not None:
            file.truncate(asked.size)
        if asked.mode is not None:
            file.chmod(asked.mode)
        if asked.times is not None:
            file.utime(asked.times)
        return _ok()

    # -- folders and names --------------------------------------------------------------------------------------

    def _opendir(self, request: Request) -> bytes:
        number = self._handle()
        self._listings[number] = self._tree.entries(request.text())
        return bytes([HANDLE]) + text(number.to_bytes(8, "big"))

    def _readdir(self, request: Request) -> bytes:
        listing = self._listings.get(self._number(request))
        if listing is None:
            raise OSError(errno.EBADF, "no such handle")
        found, size = [], 0
        for name, st in listing:
            found.append(text(name) + text(b"") + self._attrs(st))
            size += len(found[-1])
            if size > LISTING:
                break
        if not found:
            return bytes([STATUS]) + _status(EOF)
        return bytes([NAME]) + len(found).to_bytes(4, "big") + b"".join(found)

    def _remove(self, request: Request) -> bytes:
        self._tree.unlink(request.text())
        return _ok()

    def _mkdir(self, request: Request) -> bytes:
        path, asked = request.text(), request.attrs()
        self._tree.mkdir(path, 0o777 if asked.mode is None else asked.mode)
        return _ok()

    def _rmdir(self, request: Request) -> bytes:
        self._tree.rmdir(request.text())
        return _ok()

    def _rename(self, request: Request) -> bytes:
        self._tree.rename(request.text(), request.text(), replace=False)
        return _ok()

    def _realpath(self, request: Request) -> bytes:
        parts = [part for part in request.text().split(b"/") if part not in (b"", b".", b"..")]
        return _name(b"/" + b"/".join(parts))

    def _readlink(self, request: Request) -> bytes:
        return _name(self._tree.readlink(request.text()))

    def _symlink(self, request: Request) -> bytes:
        self._tree.symlink(request.text(), request.text())
        return _ok()

    def _extended(self, request: Request) -> bytes:
        name = request.text()
        if name == b"posix-rename@openssh.com":
            self._tree.rename(request.text(), request.text(), replace=True)
        elif name == b"hardlink@openssh.com":
            self._tree.link(request.text(), request.text())
        elif name == b"fsync@openssh.com":
            self._file(request).sync()
        elif name == b"statvfs@openssh.com":
            fs = self._tree.statvfs(request.text())
            counts = (fs.f_blocks, fs.f_bfree, fs.f_bavail, fs.f_files, fs.f_ffree, fs.f_favail)
            more = (fs.f_fsid & (2**64 - 1), fs.f_flag, fs.f_namemax)
            return bytes([EXTENDED_REPLY]) + _STATVFS.pack(fs.f_bsize, fs.f_frsize, *counts, *more)
        else:
            raise OSError(errno.EOPNOTSUPP, "unknown extension")
        return _ok()


def _packet(kind: int, body: bytes) -> bytes:
    return _HEAD.pack(len(body) + 1, kind) + body


def _status(code: int, message: str = "", language: bytes = b"") -> bytes:
    return code.to_bytes(4, "big") + text(message.encode()) + text(language)


def _refusal(code: int, number: int, message: str = "") -> bytes:
    return bytes([STATUS]) + _status(code, message, tag(number))


def _ok() -> bytes:
    return bytes([STATUS]) + _status(OK)


def _name(name: bytes) -> bytes:
    return bytes([NAME]) + b"\0\0\0\1" + text(name) + text(b"") + bytes(4)
