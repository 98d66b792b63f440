"""The tree of a share: what can be done below it, and that nothing outside of it can be reached."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from engine.folders.tree import Tree
from engine.folders.tree_posix import OpenFolder, PosixTree
from vm.host.common import CommonHost
from vm.host.linux import LinuxHost


@pytest.fixture(params=[LinuxHost, CommonHost])
def open_folder(request: pytest.FixtureRequest) -> OpenFolder:
    host: CommonHost = request.param()
    return host.open_folder


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret").write_text("not for guests")
    (folder / "secret").chmod(0o600)
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "share"
    folder.mkdir()
    return folder


@pytest.fixture
def tree(root: Path, open_folder: OpenFolder) -> Tree:
    return PosixTree(root, open_folder)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture(autouse=True)
def no_leaks() -> Iterator[None]:
    before = descriptors()
    yield
    assert descriptors() == before


def read(tree: Tree, path: bytes) -> bytes:
    with closing(tree.open(path, os.O_RDONLY, 0)) as file:
        return file.read(100, 0)


def test_ordinary_work(tree: Tree, root: Path) -> None:
    tree.mkdir(b"/a", 0o755)
    tree.open("/a/größe mit leer".encode(), os.O_WRONLY | os.O_CREAT, 0o644).close()
    (root / "a" / "größe mit leer").write_text("text")
    tree.rename("a/größe mit leer".encode(), b"/a/\xff latin", replace=False)
    assert read(tree, b"//a/./\xff latin") == b"text"
    tree.link(b"a/\xff latin", b"two")
    tree.truncate(b"two", 2)
    tree.chmod(b"two", 0o4640)
    tree.utime(b"two", (1, 2))
    assert (root / "two").read_text() == "te"
    assert stat.S_IMODE((root / "two").stat().st_mode) == 0o640
    assert (root / "two").stat().st_mtime == 2
    tree.symlink(b"../anywhere", b"link")
    assert tree.readlink(b"link") == b"../anywhere"
    assert {name for name, _ in tree.entries(b"/")} == {b"a", b"two", b"link"}
    with pytest.raises(FileExistsError):
        tree.rename(b"two", b"a/\xff latin", replace=False)
    tree.unlink(b"a/\xff latin")
    tree.rmdir(b"a")
    assert stat.S_ISDIR(tree.lstat(b"").st_mode)
    assert tree.statvfs(b"/").f_blocks > 0


REFUSED = "No such file|Too many levels|Not a directory|not a name|not an ordinary|not supported|No such device"
"""What a refusal says: there is no such thing, never that there is one that must not be had."""

NAMES = (
    b"../outside/secret",
    b"/../outside/secret",
    b"x/../../outside/secret",
    b"..",
    b"link/secret",
    b"up/outside/secret",
)


@pytest.mark.parametrize("name", NAMES)
def test_no_name_leads_outside(tree: Tree, root: Path, secret: Path, name: bytes) -> None:
    (root / "x").mkdir()
    (root / "link").symlink_to(secret)
    (root / "up").symlink_to("..")
    for attempt in (
        lambda: read(tree, name),
        lambda: tree.lstat(name),
        lambda: tree.chmod(name, 0o777),
        lambda: tree.utime(name, (0, 0)),
        lambda: tree.truncate(name, 0),
        lambda: tree.unlink(name),
        lambda: tree.mkdir(name + b"/new", 0o777),
        lambda: tree.rename(name, b"mine", replace=True),
        lambda: tree.link(name, b"mine"),
        lambda: tree.readlink(name),
        lambda: list(tree.entries(name.removesuffix(b"/secret"))),
    ):
        with pytest.raises(OSError, match=REFUSED):
            attempt()
    assert (secret / "secret").read_text() == "not for guests"
    assert stat.S_IMODE((secret / "secret").stat().st_mode) == 0o600
    assert sorted(path.name for path in secret.iterdir()) == ["secret"]


def test_a_link_itself_is_not_followed(tree: Tree, root: Path, secret: Path) -> None:
    (root / "link").symlink_to(secret / "secret")
    before = (secret / "secret").stat()
    for attempt in (
        lambda: read(tree, b"link"),
        lambda: tree.truncate(b"link", 0),
        lambda: tree.chmod(b"link", 0o777),
        lambda: list(tree.entries(b"link")),
    ):
        with pytest.raises(OSError, match=REFUSED):
            attempt()
    assert stat.S_ISLNK(tree.lstat(b"link").st_mode)
    tree.utime(b"link", (1, 1))
    tree.link(b"link", b"second")
    assert (root / "second").is_symlink()
    after = (secret / "secret").stat()
    assert (after.st_mode, after.st_mtime_ns, after.st_size) == (
        before.st_mode,
        before.st_mtime_ns,
        before.st_size,
    )


def test_exchanging_a_folder_for_a_link_wins_nothing(tree: Tree, root: Path, secret: Path) -> None:
    """One thread keeps exchanging a folder and a link to the outside; no read ever sees the outside."""
    (root / "real").mkdir()
    (root / "real" / "secret").write_text("mine")
    (root / "evil").symlink_to(secret)
    done = threading.Event()

    def exchange() -> None:
        while not done.is_set():
            (root / "real").rename(root / "spare")
            (root / "evil").rename(root / "real")
            (root / "real").rename(root / "evil")
            (root / "spare").rename(root / "real")

    attacker = threading.Thread(target=exchange)
    attacker.start()
    seen = refused = 0
    try:
        while seen < 200 or refused < 20:
            try:
                assert read(tree, b"real/secret") == b"mine"
                seen += 1
            except OSError:
                refused += 1
    finally:
        done.set()
        attacker.join()


def test_a_pipe_or_device_of_the_hosts_is_not_opened(tree: Tree, root: Path) -> None:
    os.mkfifo(root / "pipe")
    for flags in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR):
        with pytest.raises(OSError, match=REFUSED):
            tree.open(b"pipe", flags, 0)


def test_a_share_inside_another_cannot_be_led_astray(
    tmp_path: Path, secret: Path, open_folder: OpenFolder
) -> None:
    """The root's own path is fixed: a guest that may change what is above it makes it fail, not lead elsewhere."""
    inner = tmp_path / "home" / "project"
    inner.mkdir(parents=True)
    tree = PosixTree(inner, open_folder)
    inner.rmdir()
    inner.symlink_to(secret)
    with pytest.raises(OSError, match=REFUSED):
        read(tree, b"secret")


def test_a_folder_that_goes_and_comes_back(tree: Tree, root: Path) -> None:
    (root / "file").write_text("one")
    root.rename(root.with_name("elsewhere"))
    with pytest.raises(FileNotFoundError):
        read(tree, b"file")
    root.mkdir()
    with pytest.raises(FileNotFoundError):
        read(tree, b"file")
    root.rmdir()
    root.with_name("elsewhere").rename(root)
    assert read(tree, b"file") == b"one"
