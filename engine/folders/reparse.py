"""Reparse points: links and other special files of Windows, and how a guest sees them. Pure: looks at no disk.

A link is shown as a symbolic link, for the guest's own kernel to follow inside the shared folders. Those that a
guest makes are WSL's, which any user may make, with any target; Windows' programs cannot follow them. Points that
are no links, such as files that OneDrive has not fetched yet, are ordinary files to everybody.
"""

from __future__ import annotations

import errno
import stat
import struct

from vm.guest.hostpath import to_guest

JUNCTION, SYMLINK, WSL_LINK = 0xA0000003, 0xA000000C, 0xA000001D
WSL_SOCKET, WSL_FIFO = 0x80000023, 0x80000024
"""Tags ([MS-FSCC] 2.1.2.1)."""

STANDS_FOR_ANOTHER = 0x20000000
"""The bit of a tag that says that the file's content is not its own."""

READ_ONLY, IS_DIRECTORY, IS_REPARSE_POINT = 0x1, 0x10, 0x400
"""Attributes of files."""

_HEAD = struct.Struct("<IHH")
_WSL_VERSION = (2).to_bytes(4, "little")
_RELATIVE = 1

LONGEST_TARGET = 4095
"""Linux' PATH_MAX, without its NUL."""


def mode_of(attributes: int, tag: int) -> int:
    """Type and permissions of a file: Windows has a bit for read-only files, and any file may be a program."""
    if attributes & IS_REPARSE_POINT:
        if tag & STANDS_FOR_ANOTHER:
            return stat.S_IFLNK | 0o777
        if tag in (WSL_SOCKET, WSL_FIFO):
            return (stat.S_IFSOCK if tag == WSL_SOCKET else stat.S_IFIFO) | 0o777
    if attributes & IS_DIRECTORY:
        return stat.S_IFDIR | 0o777
    return stat.S_IFREG | (0o555 if attributes & READ_ONLY else 0o777)


def tag_of(data: bytes) -> int:
    """The tag of a reparse point's data (REPARSE_DATA_BUFFER)."""
    return int.from_bytes(data[:4], "little")


def target(data: bytes) -> bytes:
    """What a link says, to a guest.

    :raise OSError: EINVAL: it says nothing that a guest could use.
    """
    tag, size, _ = _HEAD.unpack_from(data)
    body = data[_HEAD.size : _HEAD.size + size]
    if tag == WSL_LINK and body[:4] == _WSL_VERSION:
        return body[4:]
    if tag in (SYMLINK, JUNCTION) and len(body) >= 8:
        start, length = struct.unpack_from("<HH", body)
        names = body[12 if tag == SYMLINK else 8 :]
        name = names[start : start + length].decode("utf-16-le", "surrogatepass")
        if tag == SYMLINK and int.from_bytes(body[8:12], "little") & _RELATIVE:
            return name.replace("\\", "/").encode("utf-8", "surrogatepass")
        return to_guest(name.removeprefix("\\??\\")).replace("\\", "/").encode("utf-8", "surrogatepass")
    raise OSError(errno.EINVAL, "not a link that leads to a path")


def link_to(path: bytes) -> bytes:
    """The data of a link that says ``path``. :raise OSError: it cannot."""
    if not path:
        raise OSError(errno.ENOENT, "a link leads somewhere")
    if len(path) > LONGEST_TARGET:
        raise OSError(errno.ENAMETOOLONG, "too long for a link")
    return _point(WSL_LINK, _WSL_VERSION + path)


def fifo() -> bytes:
    """The data of a FIFO."""
    return _point(WSL_FIFO, b"")


def _point(tag: int, body: bytes) -> bytes:
    return _HEAD.pack(tag, len(body), 0) + body
