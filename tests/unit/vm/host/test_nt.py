"""What can be said of Windows' kernel without it: its errors, and its listings from their bytes."""

from __future__ import annotations

import errno
import struct

import pytest

from vm.host.nt import IS_REPARSE_POINT, Entry
from vm.host.nt_status import error_of, is_error


@pytest.mark.parametrize(
    ("status", "number", "kind"),
    [
        (0xC0000034, errno.ENOENT, FileNotFoundError),
        (0xC000003A, errno.ENOENT, FileNotFoundError),
        (0xC0000035, errno.EEXIST, FileExistsError),
        (0xC0000022, errno.EACCES, PermissionError),
        (0xC0000043, errno.EBUSY, OSError),
        (0xC0000101, errno.ENOTEMPTY, OSError),
        (0xC000050B, errno.ELOOP, OSError),
        (0xC0000106, errno.ENAMETOOLONG, OSError),
        (0xC00000BA, errno.EISDIR, IsADirectoryError),
        (0xC000007F, errno.ENOSPC, OSError),
        (0xC0DEC0DE, errno.EIO, OSError),
    ],
)
def test_errors(status: int, number: int, kind: type[OSError]) -> None:
    error = error_of(status)
    assert error.errno == number
    assert type(error) is kind
    assert f"{status:08X}" in str(error)
    assert is_error(status)


def test_warnings_and_successes_are_no_errors() -> None:
    assert [is_error(status) for status in (0, 0x103, 0x40000000, 0x80000005)] == [False] * 4


@pytest.mark.parametrize(("attributes", "tag"), [(0x20, 0), (IS_REPARSE_POINT, 0xA000000C)])
def test_an_entry(attributes: int, tag: int) -> None:
    """FILE_ID_BOTH_DIR_INFORMATION: the field of a reparse point's tag is another's elsewhere."""
    text = "größe 😀".encode("utf-16-le")
    data = struct.pack("<II6q", 0, 0, 1, 2, 3, 4, 500, 512)
    data += struct.pack("<IIIbx24s2xq", attributes, len(text), 0xA000000C, 0, b"", 77) + text + b"behind"
    entry = Entry(memoryview(data))
    assert (entry.name, entry.accessed, entry.written, entry.size) == ("größe 😀", 2, 3, 500)
    assert (entry.attributes, entry.tag, entry.identity) == (attributes, tag, 77)
