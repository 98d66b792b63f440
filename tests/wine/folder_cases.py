"""Cases for the tree of a shared folder on Windows, run by Windows' own Python: ``python folder_cases.py``.

It needs nothing but the checkout. test_folders.py runs it under Wine; it can be run on Windows as well, where it
also tries what Wine does not have.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

from engine.folders.errors import LINUX, linux_number
from engine.folders.tree_windows import WindowsTree
from vm.host.nt import Nt

IS_WINE = hasattr(ctypes.CDLL("ntdll"), "wine_get_version")


class Case:
    """A shared folder with something beside it. :ivar root: the folder.    :ivar outside: the other one."""

    def __init__(self, base: Path) -> None:
        self.root, self.outside = base / "share", base / "outside"
        self.root.mkdir()
        self.outside.mkdir()
        (self.outside / "secret").write_text("not for guests")
        self.tree = WindowsTree(self.root, Nt())

    def read(self, path: bytes) -> bytes:
        with closing(self.tree.open(path, os.O_RDONLY, 0)) as file:
            return file.read(1000, 0)

    def write(self, path: bytes, data: bytes, flags: int = os.O_CREAT, mode: int = 0o666) -> None:
        with closing(self.tree.open(path, flags | os.O_WRONLY, mode)) as file:
            file.write(memoryview(data), 0)

    def names(self, path: bytes = b"/") -> set[bytes]:
        return {name for name, _ in self.tree.entries(path)}


@contextmanager
def refused(*numbers: int) -> Iterator[None]:
    """One of these errors is raised."""
    found = None
    try:
        yield
    except OSError as error:
        found = error
    wanted = [errno.errorcode[number] for number in numbers]
    assert found is not None, f"nothing was refused with one of {wanted}"
    assert found.errno in numbers, f"{found!r} is none of {wanted}"


def test_ordinary_work(case: Case) -> None:
    tree, root = case.tree, case.root
    tree.mkdir(b"/a", 0o755)
    case.write("/a/größe mit leer 漢字 😀".encode(), b"")
    (root / "a" / "größe mit leer 漢字 😀").write_text("text")
    tree.rename("a/größe mit leer 漢字 😀".encode(), b"/a/other", replace=False)
    assert case.read(b"//a/./other") == b"text"
    tree.link(b"a/other", b"two")
    assert tree.lstat(b"two").st_nlink == 2
    assert tree.lstat(b"two").st_ino == tree.lstat(b"a/other").st_ino != 0
    tree.truncate(b"two", 2)
    tree.utime(b"two", (1, 2))
    found = tree.lstat(b"two")
    assert (found.st_size, found.st_atime, found.st_mtime) == (2, 1, 2)
    assert (root / "two").stat().st_mtime == 2
    assert (root / "two").read_text() == "te"
    assert found.st_mode == stat.S_IFREG | 0o777
    assert case.names() == {b"a", b"two"}
    listed = dict(tree.entries(b"/"))
    assert listed[b"two"].st_ino == found.st_ino
    assert (listed[b"two"].st_size, listed[b"two"].st_mtime) == (2, 2)
    assert stat.S_ISDIR(listed[b"a"].st_mode)
    tree.rename(b"two", b"a/other", replace=True)
    assert case.names(b"a") == {b"other"}
    case.write(b"third", b"")
    with refused(errno.EEXIST):
        tree.rename(b"two", b"third", replace=False)
    tree.unlink(b"third")
    tree.unlink(b"a/other")
    with refused(errno.ENOTDIR):
        tree.rmdir(b"two")
    with refused(errno.EISDIR):
        tree.unlink(b"a")
    tree.rmdir(b"a")
    assert stat.S_ISDIR(tree.lstat(b"").st_mode)
    space = tree.statvfs(b"/")
    assert space.f_blocks >= space.f_bfree >= space.f_bavail > 0
    assert space.f_bsize in {2**power for power in range(9, 17)}


def test_reading_and_writing(case: Case) -> None:
    with closing(case.tree.open(b"file", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)) as file:
        file.write(memoryview(b"0123456789" * 100_000), 0)
        file.write(memoryview(b"xx"), 5)
        assert file.read(10, 0) == b"01234xx789"
        assert file.read(10, 999_995) == b"56789"
        assert file.read(10, 2_000_000) == b""
        assert file.lstat().st_size == 1_000_000
        file.truncate(7)
        assert file.read(100, 0) == b"01234xx"
        file.utime((5, 6))
        assert file.lstat().st_mtime == 6
        file.sync()
    with refused(errno.EEXIST):
        case.write(b"file", b"", os.O_CREAT | os.O_EXCL)
    case.write(b"file", b"ab", os.O_TRUNC)
    case.write(b"file", b"cd", os.O_APPEND)
    assert case.read(b"file") == b"abcd"
    with closing(case.tree.open(b"file", os.O_RDONLY, 0)) as file:
        file.sync()
        with refused(errno.EACCES, errno.EBADF):
            file.write(memoryview(b"x"), 0)


def test_a_large_folder(case: Case) -> None:
    names = {f"file {number:04} {'x' * 60}" for number in range(2000)}
    for name in names:
        (case.root / name).touch()
    assert case.names() == {name.encode() for name in names}


NAMES = (
    b"../outside/secret",
    b"/../outside/secret",
    b"x/../../outside/secret",
    b"..",
    b"..\\outside\\secret",
    b"x\\..\\..\\outside\\secret",
    b"\\??\\C:\\windows\\win.ini",
    b"C:/windows/win.ini",
    b"C:\\windows\\win.ini",
    b"file:stream",
    b"file::$DATA",
    b"x::$INDEX_ALLOCATION/y",
    b"a\0b",
    b"a?b",
    b"\xff",
)


def test_no_name_leads_outside(case: Case) -> None:
    tree = case.tree
    (case.root / "x").mkdir()
    (case.root / "file").write_text("mine")
    for name in NAMES:
        with refused(errno.ENOENT):
            case.read(name)
        with refused(errno.ENOENT):
            tree.lstat(name)
        with refused(errno.ENOENT):
            tree.unlink(name)
        with refused(errno.ENOENT):
            list(tree.entries(name))
        attempts = (
            partial(tree.mkdir, name + b"/new", 0o777),
            partial(case.write, name, b"x"),
            partial(tree.mkdir, name, 0o777),
            partial(tree.rename, b"file", name, replace=True),
            partial(tree.link, b"file", name),
            partial(tree.symlink, b"target", name),
        )
        for attempt in attempts:
            with refused(errno.ENOENT, errno.EINVAL):
                attempt()
    assert case.names() == {b"x", b"file"}
    assert [path.name for path in case.outside.iterdir()] == ["secret"]
    assert (case.outside / "secret").read_text() == "not for guests"


def test_names_of_devices(case: Case) -> None:
    """They cannot be made, since Windows' programs could not open them, and are no devices."""
    for name in (b"nul", b"CON", b"aux.txt", b"COM1", b"lpt9.x.y", b"prn .z", b"conin$", "com²".encode()):
        with refused(errno.ENOENT):
            case.read(name)
        with refused(errno.EINVAL):
            case.write(name, b"x")
        with refused(errno.EINVAL):
            case.tree.mkdir(name, 0o777)
    for name in (b"trailing.", b"trailing ", b"..."):
        with refused(errno.EINVAL):
            case.write(name, b"x")
    for name in (b"nullable", b"console", b"com10", b".aux", b"a.nul"):
        case.write(name, b"x")
    assert case.names() == {b"nullable", b"console", b"com10", b".aux", b"a.nul"}


def test_upper_and_lower_case(case: Case) -> None:
    case.write(b"Name", b"one")
    assert case.read(b"nAME") == b"one"
    with refused(errno.EEXIST):
        case.write(b"NAME", b"", os.O_CREAT | os.O_EXCL)
    case.tree.rename(b"Name", b"name", replace=True)
    assert case.names() == {b"Name" if IS_WINE else b"name"}  # Wine takes it for done
    case.tree.rename(b"name", b"NAME", replace=False)
    assert case.names() == {b"Name" if IS_WINE else b"NAME"}
    assert case.read(b"name") == b"one"


def test_long_paths(case: Case) -> None:
    path = b""
    for number in range(12):
        path += b"/" + str(number).encode() * 1 + b"n" * 60
        case.tree.mkdir(path, 0o777)
    case.write(path + b"/file", b"deep")
    assert len(path) > 700
    assert case.read(path + b"/file") == b"deep"
    assert case.names(path) == {b"file"}
    case.tree.rename(path + b"/file", path + b"/other", replace=True)
    with refused(errno.ENAMETOOLONG):
        case.write(b"n" * 256, b"")
    case.tree.unlink(path + b"/other")
    while path:
        case.tree.rmdir(path)
        path = path[: path.rindex(b"/")]
    assert case.names() == set()


def test_read_only_files(case: Case) -> None:
    """They are what a mode without permission to write becomes, and can be removed and replaced as on Linux."""
    tree = case.tree
    case.write(b"made", b"x", os.O_CREAT | os.O_EXCL, 0o444)
    assert tree.lstat(b"made").st_mode == stat.S_IFREG | 0o555
    if not IS_WINE:  # which asks Linux, where root may
        with refused(errno.EACCES):
            case.write(b"made", b"y", 0)
    for name, mode, shown in ((b"one", 0o555, 0o555), (b"one", 0o777, 0o777)):
        case.write(name, b"x")
        tree.chmod(name, mode)
        assert stat.S_IMODE(tree.lstat(name).st_mode) == shown
    with refused(errno.EPERM):
        tree.chmod(b"one", 0o600)
    assert stat.S_IMODE(tree.lstat(b"one").st_mode) == 0o777
    with refused(errno.EPERM):
        tree.chmod(b"one", 0o400)
    assert stat.S_IMODE(tree.lstat(b"one").st_mode) == 0o555
    assert not (case.root / "one").stat().st_mode & stat.S_IWUSR
    tree.utime(b"one", (7, 8))
    case.write(b"new", b"new")
    tree.rename(b"new", b"one", replace=True)
    assert case.read(b"one") == b"new"
    tree.unlink(b"made")
    tree.mkdir(b"folder", 0o700)
    with refused(errno.EPERM):
        tree.chmod(b"folder", 0o700)
    assert tree.lstat(b"folder").st_mode == stat.S_IFDIR | 0o777
    tree.chmod(b"folder", 0o777)
    assert case.names() == {b"one", b"folder"}


def test_renaming_as_posix_has_it(case: Case) -> None:
    tree = case.tree
    for name in (b"empty", b"full", b"source"):
        tree.mkdir(name, 0o777)
    case.write(b"full/file", b"x")
    case.write(b"source/in", b"y")
    case.write(b"file", b"z")
    with refused(errno.ENOTEMPTY):
        tree.rename(b"source", b"full", replace=True)
    with refused(errno.EISDIR):
        tree.rename(b"file", b"empty", replace=True)
    with refused(errno.ENOTDIR):
        tree.rename(b"source", b"file", replace=True)
    tree.rename(b"source", b"empty", replace=True)
    assert case.read(b"empty/in") == b"y"
    tree.rename(b"file", b"full/file", replace=True)
    assert case.read(b"full/file") == b"z"
    with refused(errno.ENOENT):
        tree.rename(b"none", b"other", replace=True)
    with refused(errno.ENOENT):
        tree.rename(b"full/file", b"none/other", replace=True)
    with refused(errno.ENOTEMPTY):
        tree.rmdir(b"full")
    with refused(errno.EBUSY):
        tree.rename(b"/", b"other", replace=True)
    with refused(errno.EBUSY):
        tree.rmdir(b"/")


def test_a_file_that_is_in_use(case: Case) -> None:
    """A program that shares nothing: busy. One of ours that has it open is in nobody's way."""
    (case.root / "busy").write_text("x")
    create = ctypes.CDLL("kernel32").CreateFileW
    create.restype = ctypes.c_void_p
    held = create(str(case.root / "busy"), 0x80000000, 0, None, 3, 0, None)
    try:
        with refused(errno.EBUSY):
            case.read(b"busy")
        with refused(errno.EBUSY):
            case.tree.unlink(b"busy")
        with refused(errno.EBUSY):
            case.tree.rename(b"busy", b"other", replace=True)
        assert case.tree.lstat(b"busy").st_size == 1
    finally:
        ctypes.CDLL("kernel32").CloseHandle(ctypes.c_void_p(held))
    with closing(case.tree.open(b"busy", os.O_RDONLY, 0)) as file:
        case.tree.rename(b"busy", b"hidden", replace=True)
        assert file.read(10, 0) == b"x"
        case.write(b"busy", b"new")
        case.tree.unlink(b"hidden")
        with refused(errno.ENOENT):
            case.tree.lstat(b"hidden")
    assert case.names() == {b"busy"}


def test_links(case: Case) -> None:
    """Those that guests make say what they were told; none is followed."""
    tree = case.tree
    if IS_WINE:
        with refused(errno.EPERM):
            tree.symlink(b"target", b"link")
        assert case.names() == set()
        return
    tree.symlink("../irgendwö".encode(), b"link")
    assert tree.readlink(b"link") == "../irgendwö".encode()
    assert stat.S_ISLNK(tree.lstat(b"link").st_mode)
    tree.mkfifo(b"pipe", 0o600)
    assert stat.S_ISFIFO(tree.lstat(b"pipe").st_mode)
    junction = ["cmd", "/c", "mklink", "/J", str(case.root / "junction"), str(case.outside)]
    subprocess.run(junction, check=True, capture_output=True)
    assert stat.S_ISLNK(tree.lstat(b"junction").st_mode)
    assert tree.readlink(b"junction").endswith(b"/outside")
    for name in (b"link", b"pipe", b"junction", b"junction/secret"):
        with refused(errno.ELOOP, errno.EACCES, errno.EISDIR, errno.EINVAL):
            case.read(name)
        with refused(errno.ELOOP, errno.ENOTDIR, errno.EACCES):
            list(tree.entries(name))
    with refused(errno.ELOOP):
        tree.unlink(b"junction/secret")
    tree.unlink(b"junction")
    assert (case.outside / "secret").read_text() == "not for guests"


def test_a_folder_that_goes_and_comes_back(case: Case) -> None:
    (case.root / "file").write_text("one")
    case.root.rename(case.root.with_name("elsewhere"))
    with refused(errno.ENOENT):
        case.read(b"file")
    case.root.mkdir()
    with refused(errno.ENOENT):
        case.read(b"file")
    case.root.rmdir()
    case.root.with_name("elsewhere").rename(case.root)
    assert case.read(b"file") == b"one"


def test_no_handle_is_left_open(case: Case) -> None:
    """After all of that: a folder with an open file in it could not be renamed or removed."""
    count = ctypes.c_ulong()
    kernel = ctypes.CDLL("kernel32")
    process = ctypes.c_void_p(-1)

    def handles() -> int:
        assert kernel.GetProcessHandleCount(process, ctypes.byref(count)) or IS_WINE
        return count.value

    before = handles()
    for number in range(200):
        case.write(b"file", b"x")
        case.read(b"file")
        case.names()
        with refused(errno.ENOENT):
            case.tree.lstat(b"none")
        case.tree.rename(b"file", f"other {number}".encode(), replace=True)
        case.tree.unlink(f"other {number}".encode())
    assert handles() <= before + 5


def test_errors_have_linux_numbers(case: Case) -> None:
    """Windows' Python has other names for some of them."""
    names = ("ELOOP", "EOPNOTSUPP", "EDQUOT", "ENOTEMPTY", "ENAMETOOLONG", "EBUSY", "ETIMEDOUT", "EACCES", "EPERM")
    assert [linux_number(getattr(errno, name)) for name in names] == [LINUX[name] for name in names]


def main() -> int:
    """Run those whose name has one of the arguments in it, or all; how many failed."""
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]  # a text file, unless somebody replaces it
    failed = 0
    cases: list[tuple[str, Callable[[Case], None]]] = [
        (name, value) for name, value in globals().items() if name.startswith("test_")
    ]
    for name, run in cases:
        if len(sys.argv) > 1 and not any(word in name for word in sys.argv[1:]):
            continue
        with tempfile.TemporaryDirectory() as base:
            try:
                run(Case(Path(base)))
            except Exception:  # noqa: BLE001 - each is reported, and the others are run
                failed += 1
                print(f"FAILED {name}\n{traceback.format_exc()}")
            else:
                print(f"passed {name}")
    return failed


if __name__ == "__main__":
    raise SystemExit(main())
