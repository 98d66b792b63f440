"""Reparse points of Windows, from their bytes, and the modes that a guest sees."""

from __future__ import annotations

import errno
import stat
import struct

import pytest

from engine.folders import reparse

READ_ONLY, DIRECTORY, POINT = 0x1, 0x10, 0x400
CLOUD, APPLICATION = 0x9000001A, 0x8000001B


def named(tag: int, name: str, *, relative: bool = False) -> bytes:
    """A link of Windows', with the name for people behind the one for the kernel."""
    text = name.encode("utf-16-le")
    offsets = struct.pack("<HHHH", 0, len(text), len(text), 0)
    body = offsets + (int(relative).to_bytes(4, "little") if tag == reparse.SYMLINK else b"") + text
    return struct.pack("<IHH", tag, len(body), 0) + body


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (named(reparse.SYMLINK, r"\??\C:\Users\me\größe"), "/c/Users/me/größe"),
        (named(reparse.SYMLINK, r"..\other\file", relative=True), "../other/file"),
        (named(reparse.JUNCTION, "\\??\\D:\\"), "/d"),
        (reparse.link_to(b"/usr/lib/x"), "/usr/lib/x"),
        (reparse.link_to("../größe".encode()), "../größe"),
    ],
)
def test_what_a_link_says(data: bytes, wanted: str) -> None:
    assert reparse.target(data) == wanted.encode()


@pytest.mark.parametrize(
    "data", [reparse.fifo(), struct.pack("<IHH", APPLICATION, 0, 0), struct.pack("<IHH", reparse.SYMLINK, 2, 0)]
)
def test_what_says_nothing(data: bytes) -> None:
    with pytest.raises(OSError, match="not a link") as caught:
        reparse.target(data)
    assert caught.value.errno == errno.EINVAL


@pytest.mark.parametrize(("target", "number"), [(b"", errno.ENOENT), (b"x" * 4096, errno.ENAMETOOLONG)])
def test_what_a_link_cannot_say(target: bytes, number: int) -> None:
    with pytest.raises(OSError, match="link") as caught:
        reparse.link_to(target)
    assert caught.value.errno == number


@pytest.mark.parametrize(
    ("attributes", "tag", "mode"),
    [
        (0x80, 0, stat.S_IFREG | 0o777),
        (READ_ONLY, 0, stat.S_IFREG | 0o555),
        (DIRECTORY | READ_ONLY, 0, stat.S_IFDIR | 0o777),
        (POINT, reparse.SYMLINK, stat.S_IFLNK | 0o777),
        (POINT | DIRECTORY, reparse.JUNCTION, stat.S_IFLNK | 0o777),
        (POINT, reparse.WSL_LINK, stat.S_IFLNK | 0o777),
        (POINT, reparse.WSL_FIFO, stat.S_IFIFO | 0o777),
        (POINT, reparse.WSL_SOCKET, stat.S_IFSOCK | 0o777),
        (POINT, CLOUD, stat.S_IFREG | 0o777),
        (POINT | DIRECTORY, CLOUD, stat.S_IFDIR | 0o777),
        (POINT, APPLICATION, stat.S_IFREG | 0o777),
    ],
)
def test_modes(attributes: int, tag: int, mode: int) -> None:
    assert reparse.mode_of(attributes, tag) == mode
