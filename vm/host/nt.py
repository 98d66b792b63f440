"""Files by the calls of Windows' kernel, which open relative to an open folder and can refuse links on the way.

The calls of Win32 take whole paths, follow every link in them, and give names such as ``NUL`` and ``a.`` a meaning
of their own. The kernel's do not: a name is a name, of up to 32,767 characters in all. They are documented for
drivers and programs alike (winternl.h, ntifs.h). Names are relative to a folder, without ``..``.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Iterator

from vm.host.nt_status import (
    BUFFER_OVERFLOW,
    END_OF_FILE,
    NO_MORE_FILES,
    NO_SUCH_FILE,
    error_of,
    is_error,
)

READ_DATA, WRITE_DATA, APPEND_DATA, TRAVERSE = 0x1, 0x2, 0x4, 0x20
READ_ATTRIBUTES, WRITE_ATTRIBUTES, DELETE, SYNCHRONIZE = 0x80, 0x100, 0x10000, 0x100000
"""Access rights; READ_DATA of a folder is to list it."""

OPEN, CREATE, OPEN_IF, OVERWRITE, OVERWRITE_IF = 1, 2, 3, 4, 5
"""What to do with a file that is there, or is not."""

DIRECTORY, NOT_DIRECTORY, LINK_ITSELF = 0x1, 0x40, 0x200000
"""Options: it has to be a folder, or must not be; a link (reparse point) at the end is opened as such."""

_SYNCHRONOUS, _BACKUP = 0x20, 0x4000

READ_ONLY, IS_DIRECTORY, IS_REPARSE_POINT, NORMAL = 0x1, 0x10, 0x400, 0x80
"""Attributes of files."""

BASIC, RENAME, LINK, DISPOSITION, ALL, END_OF_FILE_AT, TAG = 4, 10, 11, 13, 18, 20, 35
DISPOSITION_EX, RENAME_EX = 64, 65
"""What NtQueryInformationFile and NtSetInformationFile are about (FILE_INFORMATION_CLASS)."""

GET_REPARSE_POINT, SET_REPARSE_POINT = 0x900A8, 0x900A4

TO_THE_END = -1
"""The offset of a write that appends (FILE_WRITE_TO_END_OF_FILE)."""

LONGEST_NAME = 32767
LONGEST_REPARSE = 16 * 1024

_SHARE_ALL = 0x7
_CASE_INSENSITIVE, _NO_REPARSE = 0x40, 0x1000
_DIRECTORY_ENTRIES, _FULL_SIZE = 37, 7
_LISTING = 64 * 1024

_ENTRY = struct.Struct("<II4q2q3Ib27xq")
"""FILE_ID_BOTH_DIR_INFORMATION, before its name."""


class _Text(ctypes.Structure):
    """UNICODE_STRING"""

    _fields_ = (("length", ctypes.c_ushort), ("room", ctypes.c_ushort), ("buffer", ctypes.c_void_p))


class _Object(ctypes.Structure):
    """OBJECT_ATTRIBUTES"""

    _fields_ = (
        ("length", ctypes.c_ulong),
        ("root", ctypes.c_void_p),
        ("name", ctypes.POINTER(_Text)),
        ("attributes", ctypes.c_ulong),
        ("descriptor", ctypes.c_void_p),
        ("quality", ctypes.c_void_p),
    )


class _Outcome(ctypes.Structure):
    """IO_STATUS_BLOCK"""

    _fields_ = (("status", ctypes.c_void_p), ("information", ctypes.c_size_t))


class Entry:
    """One entry of a folder, as it is listed.

    :ivar tag: of a reparse point.    :ivar written: in 100 ns since 1601; so is ``accessed``.
    """

    __slots__ = ("accessed", "attributes", "identity", "name", "size", "tag", "written")

    def __init__(self, found: memoryview) -> None:
        _, _, _, self.accessed, self.written, _, self.size, _, self.attributes, length, more, _, self.identity = (
            _ENTRY.unpack_from(found)
        )
        self.tag = more if self.attributes & IS_REPARSE_POINT else 0
        self.name = bytes(found[_ENTRY.size : _ENTRY.size + length]).decode("utf-16-le", "surrogatepass")


class Nt:
    """The calls. Every one raises OSError; handles are numbers, to be closed."""

    def __init__(self) -> None:
        self._calls = ctypes.CDLL("ntdll")

    def open(
        self,
        folder: int | None,
        name: str,
        access: int,
        options: int = 0,
        disposition: int = OPEN,
        attributes: int = NORMAL,
    ) -> int:
        r"""A handle of ``name``, shared with everybody for everything.

        :param folder: that ``name`` is relative to; none of its parts may be a link, except that the last may be
            one with LINK_ITSELF. None: an absolute name of the kernel's (``\??\C:\``), where anything goes.
        """
        if len(name) > LONGEST_NAME:
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
        text = name.encode("utf-16-le", "surrogatepass")
        buffer = ctypes.create_string_buffer(text)
        flags = _CASE_INSENSITIVE | (0 if folder is None else _NO_REPARSE)
        named = _Text(len(text), len(text), ctypes.addressof(buffer))
        what = _Object(ctypes.sizeof(_Object), folder, ctypes.pointer(named), flags, None, None)
        handle = ctypes.c_void_p()
        self._check(
            self._calls.NtCreateFile(
                ctypes.byref(handle),
                ctypes.c_ulong(access | SYNCHRONIZE),
                ctypes.byref(what),
                ctypes.byref(_Outcome()),
                None,
                ctypes.c_ulong(attributes),
                ctypes.c_ulong(_SHARE_ALL),
                ctypes.c_ulong(disposition),
                ctypes.c_ulong(options | _SYNCHRONOUS | _BACKUP),
                None,
                0,
            )
        )
        return handle.value or 0

    def close(self, handle: int) -> None:
        self._check(self._calls.NtClose(ctypes.c_void_p(handle)))

    def read(self, handle: int, size: int, offset: int) -> bytes:
        """At most ``size`` bytes; none at the end."""
        buffer, outcome = ctypes.create_string_buffer(size), _Outcome()
        place = ctypes.c_int64(offset)
        status = self._calls.NtReadFile(
            ctypes.c_void_p(handle),
            None,
            None,
            None,
            ctypes.byref(outcome),
            buffer,
            size,
            ctypes.byref(place),
            None,
        )
        if status & 0xFFFFFFFF == END_OF_FILE:
            return b""
        self._check(status)
        return ctypes.string_at(buffer, outcome.information)

    def write(self, handle: int, data: bytes, offset: int) -> int:
        """How many bytes were written."""
        outcome, place = _Outcome(), ctypes.c_int64(offset)
        self._check(
            self._calls.NtWriteFile(
                ctypes.c_void_p(handle),
                *(None, None, None),
                ctypes.byref(outcome),
                ctypes.c_char_p(data),
                len(data),
                ctypes.byref(place),
                None,
            )
        )
        return int(outcome.information)

    def flush(self, handle: int) -> None:
        """Wait until everything is on the disk."""
        self._check(self._calls.NtFlushBuffersFile(ctypes.c_void_p(handle), ctypes.byref(_Outcome())))

    def query(self, handle: int, kind: int, size: int) -> bytes:
        """What is known of an open file; cut off where it is longer than ``size``."""
        buffer = ctypes.create_string_buffer(size)
        self._check(
            self._calls.NtQueryInformationFile(
                ctypes.c_void_p(handle), ctypes.byref(_Outcome()), buffer, size, kind
            )
        )
        return buffer.raw

    def set(self, handle: int, kind: int, value: bytes) -> None:
        """Change something of an open file."""
        self._check(
            self._calls.NtSetInformationFile(
                ctypes.c_void_p(handle), ctypes.byref(_Outcome()), ctypes.c_char_p(value), len(value), kind
            )
        )

    def entries(self, handle: int) -> Iterator[Entry]:
        """All in an open folder, ``.`` and ``..`` included, read as they are asked for."""
        buffer = ctypes.create_string_buffer(_LISTING)
        while True:
            outcome = _Outcome()
            status = self._calls.NtQueryDirectoryFile(
                ctypes.c_void_p(handle),
                *(None, None, None),
                ctypes.byref(outcome),
                buffer,
                _LISTING,
                _DIRECTORY_ENTRIES,
                *(0, None, 0),
            )
            if status & 0xFFFFFFFF in (NO_MORE_FILES, NO_SUCH_FILE):
                return
            self._check(status)
            found, place = memoryview(ctypes.string_at(buffer, outcome.information)), 0
            while True:
                yield Entry(found[place:])
                following = int.from_bytes(found[place : place + 4], "little")
                if not following:
                    break
                place += following

    def full_size(self, handle: int) -> tuple[int, int, int, int]:
        """Of an open file's volume: units in all, those free for this user, those free, and bytes of a unit."""
        buffer = ctypes.create_string_buffer(32)
        self._check(
            self._calls.NtQueryVolumeInformationFile(
                ctypes.c_void_p(handle), ctypes.byref(_Outcome()), buffer, len(buffer), _FULL_SIZE
            )
        )
        total, ours, free, sectors, size = struct.unpack("<3qII", buffer.raw)
        return total, ours, free, sectors * size

    def control(self, handle: int, code: int, given: bytes = b"", room: int = 0) -> bytes:
        """A request to the file system; what it answers."""
        buffer, outcome = ctypes.create_string_buffer(max(room, 1)), _Outcome()
        self._check(
            self._calls.NtFsControlFile(
                ctypes.c_void_p(handle),
                *(None, None, None),
                ctypes.byref(outcome),
                ctypes.c_ulong(code),
                *(ctypes.c_char_p(given), len(given)),
                *(buffer, room),
            )
        )
        return ctypes.string_at(buffer, outcome.information)

    def _check(self, status: int) -> None:
        status &= 0xFFFFFFFF
        if is_error(status) or (status >= 0x80000000 and status != BUFFER_OVERFLOW):
            raise error_of(status)
