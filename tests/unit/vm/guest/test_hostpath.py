"""The machine's spelling of the host's paths, and what cannot be shared."""

from __future__ import annotations

import pytest

from vm.guest.hostpath import is_within, system_folder, to_guest, to_host


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("/home/x", "/home/x"),
        ("/home/x/", "/home/x"),
        ("//home//x/./y/../z", "/home/x/z"),
        ("/", "/"),
        ("/ü b/c", "/ü b/c"),
        (r"C:\Users\x", "/c/Users/x"),
        (r"C:\Users\..\Users\x\\", "/c/Users/x"),
        ("c:/Users/x y", "/c/Users/x y"),
        ("D:\\", "/d"),
        ("D:", "/d"),
        ("//c/Users/x", "/c/Users/x"),  # how Git's bash hands it over
        ("/c/Users/x", "/c/Users/x"),
        (r"C:\Ümlaut\a.b", "/c/Ümlaut/a.b"),
        ("CC:/x", "CC:/x"),
        ("/odd:/name", "/odd:/name"),
    ],
)
def test_to_guest(path: str, wanted: str) -> None:
    assert to_guest(path) == wanted
    assert to_guest(to_guest(path)) == wanted


@pytest.mark.parametrize(
    ("path", "folder", "wanted"),
    [
        ("/a/b", "/a", True),
        ("/a", "/a", True),
        ("/ab", "/a", False),
        ("/a", "/a/b", False),
        ("/a", "/", True),
    ],
)
def test_is_within(path: str, folder: str, wanted: bool) -> None:
    assert is_within(path, folder) is wanted


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("/", "/bin"),
        ("/etc/ssl", "/etc"),
        ("/tmp", "/tmp"),
        ("/tmp/mine", None),
        ("/home/x", None),
        ("/etcetera", None),
        ("/c", "/c/Program Files"),
        ("/c/windows/System32", "/c/Windows"),
        ("/c/Users", None),
        ("/d", None),
    ],
)
def test_system_folder(path: str, wanted: str | None) -> None:
    assert system_folder(path) == wanted


def test_and_back() -> None:
    assert to_host("/data/x/y", ["/home/me", "/data"]) == "/data/x/y"
    assert to_host("/data", ["/data"]) == "/data"
    assert to_host("/database", ["/data"]) is None
    assert to_host("/data/in/x", ["/data", "/data/in"]) == "/data/in/x"
    assert to_host("/c/Users/me/x", [r"C:\Users\me"]) == r"C:\Users\me/x"  # the separator is this system's
