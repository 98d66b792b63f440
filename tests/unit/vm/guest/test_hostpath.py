"""The machine's spelling of the host's paths, and what cannot be shared."""

from __future__ import annotations

import pytest

from vm.guest.hostpath import is_elsewhere, is_within, system_folder, to_guest, to_host, to_windows


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
        (r"\\?\C:\Users\x", "/c/Users/x"),
        ("//?/C:/Users/x", "/c/Users/x"),
        (r"\\.\D:\x", "/d/x"),
        ("//var/run/docker.sock", "/var/run/docker.sock"),
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
    assert to_host("/", ["/data"]) is None
    assert to_host("/data/x", ["/"]) == "/data/x"


def test_letters_of_windows() -> None:
    shares = [r"C:\Users\Müller"]
    assert to_host("/C/users/MÜLLER/X", shares) == r"C:\Users\Müller/X"
    assert to_host("/c/users/mülle", shares) is None
    assert to_host("/Data/x", ["/data"]) is None


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("/c/Users/x y", r"C:\Users\x y"),
        ("/D", "D:\\"),
        ("/c/", "C:\\"),
        ("/var/run/docker.sock", None),
        ("/cc/x", None),
        ("/", None),
    ],
)
def test_to_windows(path: str, wanted: str | None) -> None:
    assert to_windows(path) == wanted


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        (r"\\server\share\x", True),
        (r"\\wsl$\Ubuntu\home", True),
        ("//wsl$/Ubuntu/home", True),
        ("//WSL.localhost/Ubuntu", True),
        (r"\\?\UNC\server\share", True),
        (r"\\.\pipe\docker_engine", True),
        (r"\\?\Volume{0}\x", True),
        (r"\\?\C:\x", False),
        ("//c/Users", False),
        ("//wslx/y", False),
        ("//var/run/docker.sock", False),
        ("/home/x", False),
        (r"C:\x", False),
    ],
)
def test_what_is_on_no_drive(path: str, wanted: bool) -> None:
    assert is_elsewhere(path) is wanted
