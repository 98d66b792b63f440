"""Names of a guest's on Windows: those that cannot be, those that cannot be made, and all others."""

from __future__ import annotations

import errno

import pytest

from engine.folders.windows_names import shown, spelled


@pytest.mark.parametrize(
    ("path", "names"),
    [
        (b"/", []),
        (b"", []),
        (b"//a/./b c/", ["a", "b c"]),
        ("größe/漢字/😀".encode(), ["größe", "漢字", "😀"]),
        (b"\xed\xa0\x80", ["\ud800"]),
        (b".hidden/a.b.c", [".hidden", "a.b.c"]),
        (b"nullable/console/com10/a.nul", ["nullable", "console", "com10", "a.nul"]),
    ],
)
def test_names(path: bytes, names: list[str]) -> None:
    assert spelled(path) == names
    assert spelled(path, new=True) == names
    assert spelled(b"/".join(map(shown, names))) == names


@pytest.mark.parametrize(
    "name", [b"a:b", b"a\\b", b"a?", b"*", b"<", b'"', b"a|b", b"\x1f", b"\0", b"\xff", b"c::$DATA"]
)
def test_names_that_cannot_be(name: bytes) -> None:
    for path, new, number in (
        (name, False, errno.ENOENT),
        (name, True, errno.EINVAL),
        (name + b"/x", True, errno.ENOENT),
    ):
        with pytest.raises(OSError, match="not a name") as caught:
            spelled(path, new=new)
        assert caught.value.errno == number


@pytest.mark.parametrize(
    "name", ["nul", "CON", "aux.txt", "COM1", "lpt9.x.y", "prn .z", "conin$", "com²", "trailing.", "x ", "..."]
)
def test_names_that_cannot_be_made(name: str) -> None:
    assert spelled(name.encode()) == [name]
    with pytest.raises(OSError, match="not a name") as caught:
        spelled(name.encode(), new=True)
    assert caught.value.errno == errno.EINVAL


@pytest.mark.parametrize("path", [b"..", b"a/../b", b"../x"])
def test_nothing_above(path: bytes) -> None:
    with pytest.raises(FileNotFoundError):
        spelled(path)


def test_the_longest() -> None:
    assert spelled("漢".encode() * 255) == ["漢" * 255]
    for name in ("n" * 256, "😀" * 128):
        with pytest.raises(OSError, match="name") as caught:
            spelled(name.encode())
        assert caught.value.errno == errno.ENAMETOOLONG
