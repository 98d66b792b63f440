"""The SFTP server as paramiko's client sees it, as a hostile one does, and as the daemon runs it."""

from __future__ import annotations

import asyncio
import json
import os
import select
import socket
import stat
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import paramiko
import pytest

from engine.folders.errors import LINUX, TAG
from engine.folders.sftp import (
    INIT,
    INODES,
    LSTAT,
    MKDIR,
    OPEN,
    OPENDIR,
    READ,
    READDIR,
    RENAME,
    RMDIR,
    SETSTAT,
    STATUS,
    Malformed,
    SftpServer,
    inode,
    text,
)
from engine.folders.shares import Share, Shares
from engine.folders.tree_posix import PosixTree
from engine.folders.wire import FRAME, HELLO, MAGIC
from tests.unit.carriers import MemoryCarrier, MemoryStream
from vm.host import host
from vm.host.paths import Paths

pytestmark = pytest.mark.both_loops


class Named(socket.socket):
    """A socket that is enough of a channel for paramiko."""

    def get_name(self) -> str:
        return "0"

    def recv_ready(self) -> bool:
        return bool(select.select([self], [], [], 0)[0])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "share"
    folder.mkdir()
    return folder


@pytest.fixture
def client(root: Path) -> Iterator[paramiko.SFTPClient]:
    one, theirs = socket.socketpair()
    ours = Named(fileno=one.detach())
    server = SftpServer(PosixTree(root, host().open_folder))

    def serve() -> None:
        while data := theirs.recv(65536):
            theirs.sendall(server.answer(data))

    thread = threading.Thread(target=serve)
    thread.start()
    yield paramiko.SFTPClient(ours)  # type: ignore[arg-type]  # see Named
    ours.shutdown(socket.SHUT_RDWR)
    thread.join(10)
    server.close()
    ours.close()
    theirs.close()


def test_a_foreign_client(client: paramiko.SFTPClient, root: Path) -> None:
    client.mkdir("ordner ä", 0o750)
    with client.open("ordner ä/file", "w") as file:
        file.set_pipelined(True)
        for number in range(300):
            file.write(number.to_bytes(4, "big") * 1000)
    with client.open("ordner ä/file", "r") as file:
        assert file.read() == b"".join(number.to_bytes(4, "big") * 1000 for number in range(300))
    client.chmod("ordner ä/file", 0o6640)
    client.posix_rename("ordner ä/file", "two")
    client.symlink("/etc/passwd", "link")
    assert client.readlink("link") == "/etc/passwd"
    assert sorted(client.listdir()) == ["link", "ordner ä", "two"]
    assert client.stat("two").st_size == 1_200_000
    assert client.stat("two").st_uid == 0
    assert stat.S_IMODE((root / "two").stat().st_mode) == 0o640, "no set-user-ID of this user's is given away"
    with pytest.raises(FileNotFoundError):
        client.stat("nothing")
    client.remove("two")
    client.rmdir("ordner ä")
    assert [path.name for path in root.iterdir()] == ["link"]


def test_a_folder_of_ten_thousand(client: paramiko.SFTPClient, root: Path) -> None:
    names = {f"file {number}" for number in range(10_000)}
    for name in names:
        (root / name).touch()
    assert set(client.listdir()) == names


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../outside", "link/passwd", "link", "a/../../outside", "/proc/self/mem"]
)
def test_nothing_outside(client: paramiko.SFTPClient, root: Path, path: str) -> None:
    (root / "a").mkdir()
    (root.parent / "outside").write_text("secret")
    (root / "link").symlink_to("/etc/passwd" if path == "link" else "/etc")
    attempts: list[Callable[[], object]] = [
        lambda: client.open(path, "r"),
        lambda: client.open(path, "w"),
        lambda: client.listdir(path),
        lambda: client.chmod(path, 0o777),
        lambda: client.truncate(path, 0),
    ]
    for attempt in attempts:
        with pytest.raises(OSError, match=r"No such|not a name|Permission|Failure|not supp|Too many|Not a"):
            attempt()
    assert (root.parent / "outside").read_text() == "secret"


def request(kind: int, ident: int, *parts: bytes) -> bytes:
    body = bytes([kind]) + ident.to_bytes(4, "big") + b"".join(parts)
    return len(body).to_bytes(4, "big") + body


def test_malformed_requests_are_refused_one_by_one(root: Path) -> None:
    server = SftpServer(PosixTree(root, host().open_folder))
    for kind in range(INIT + 1, 256):
        for body in (b"", b"\xff" * 4, b"\xff" * 40, text(b"x"), text(b"\0" * 300), text(b"/" * 5000)):
            answer = server.answer(request(kind, kind, body))
            assert int.from_bytes(answer[5:9], "big") == kind, "each request has its answer"
    assert server.answer(request(READ, 1, text(b"\1"), bytes(12)))[4] == STATUS
    with pytest.raises(Malformed):
        server.answer(struct.pack(">IB", 1 << 30, OPEN))
    server.close()


def test_handles_are_bounded_and_never_used_again(root: Path) -> None:
    server = SftpServer(PosixTree(root, host().open_folder))
    (root / "file").touch()
    opening = (text(b"file"), (1).to_bytes(4, "big"), bytes(4))
    first = server.answer(request(OPEN, 1, *opening))[9:]
    server.answer(request(4, 2, first))
    assert server.answer(request(OPEN, 3, *opening))[9:] != first
    server.close()


# -- what our own client knows, and others ignore


def number(value: int) -> bytes:
    return value.to_bytes(4, "big")


def refusal(answer: bytes) -> int:
    """The Linux number that a status carries; 0: success."""
    assert answer[4] == STATUS
    if answer[9:13] == bytes(4):
        return 0
    message = int.from_bytes(answer[13:17], "big")
    language = answer[17 + message + 4 :]
    assert language.startswith(TAG)
    return int(language.removeprefix(TAG))


def test_errors_keep_their_numbers(root: Path) -> None:
    server = SftpServer(PosixTree(root, host().open_folder))
    for name in ("full", "empty"):
        (root / name).mkdir()
    for name in ("full/file", "file"):
        (root / name).touch()
    (root / "link").symlink_to("link")
    long = text(b"n" * 300)
    rename = (text(b"posix-rename@openssh.com"), text(b"empty"), text(b"full"))
    attempts = {
        "ENOENT": request(LSTAT, 1, text(b"none")),
        "ENOTDIR": request(LSTAT, 1, text(b"file/x")),
        "ELOOP": request(OPEN, 1, text(b"link"), number(1), number(0)),
        "ENOTEMPTY": request(200, 1, *rename),
        "EEXIST": request(RENAME, 1, text(b"file"), text(b"empty")),
        "ENAMETOOLONG": request(MKDIR, 1, long, number(0)),
        "EBADF": request(READ, 1, text(b"\1"), bytes(12)),
        "EFBIG": request(SETSTAT, 1, text(b"file"), number(1), (2**63 - 1).to_bytes(8, "big")),
        "EINVAL": request(SETSTAT, 1, text(b"file"), number(1)),
        "EOPNOTSUPP": request(200, 1, text(b"unknown@example.org")),
    }
    found = {name: refusal(server.answer(asked)) for name, asked in attempts.items()}
    assert found == {name: LINUX[name] for name in attempts}
    assert refusal(server.answer(request(RMDIR, 1, text(b"full")))) == LINUX["ENOTEMPTY"]
    server.close()


def test_a_fifo(root: Path) -> None:
    server = SftpServer(PosixTree(root, host().open_folder))
    (root / "file").touch()
    mode = number(4) + number(stat.S_IFIFO | 0o640)
    os.umask(before := os.umask(0))
    assert refusal(server.answer(request(SETSTAT, 1, text(b"pipe"), mode))) == 0
    made = (root / "pipe").lstat().st_mode
    assert stat.S_ISFIFO(made)
    assert stat.S_IMODE(made) == 0o640 & ~before
    assert refusal(server.answer(request(SETSTAT, 1, text(b"pipe"), mode))) == LINUX["EEXIST"]
    assert refusal(server.answer(request(SETSTAT, 1, text(b"file"), mode))) == LINUX["EEXIST"]
    assert refusal(server.answer(request(SETSTAT, 1, text(b"../pipe"), mode))) == LINUX["ENOENT"]
    assert (root / "file").is_file()
    for flags in (1, 2):
        assert refusal(server.answer(request(OPEN, 1, text(b"pipe"), number(flags), number(0)))) != 0
    server.close()


def owner_and_mode(attributes: bytes) -> tuple[int, int]:
    """The two numbers of the owner as one; the permissions."""
    return struct.unpack(">IQQIII", attributes[:32])[2], struct.unpack(">IQQIII", attributes[:32])[3]


def test_inode_numbers_for_those_who_ask(root: Path) -> None:
    (root / "one").touch()
    (root / "two").hardlink_to(root / "one")
    server = SftpServer(PosixTree(root, host().open_folder))
    server.answer(number(5) + bytes([INIT]) + number(3))
    assert owner_and_mode(server.answer(request(LSTAT, 1, text(b"one")))[9:]) == (0, (root / "one").stat().st_mode)
    init = bytes([INIT]) + number(3) + text(b"other@example.org") + text(b"") + text(INODES) + text(b"1")
    assert text(INODES) in server.answer(number(len(init)) + init)
    expected = ((root / "one").stat().st_ino, (root / "one").stat().st_mode | 2 << 16)
    for name in (b"one", b"two"):
        assert owner_and_mode(server.answer(request(LSTAT, 1, text(name)))[9:]) == expected
    handle = server.answer(request(OPENDIR, 1, text(b"/")))[9:]
    listing = server.answer(request(READDIR, 1, handle))
    assert {owner_and_mode(listing[13 + place :]) for place in (11, 11 + 43)} == {expected}
    server.close()


def test_an_inode_number_of_another_file_system(root: Path) -> None:
    st = root.stat()
    assert inode(st, st.st_dev) == st.st_ino
    assert inode(st, st.st_dev + 1) not in (st.st_ino, 0)
    assert inode(st, st.st_dev + 1) == inode(st, st.st_dev + 2) < 2**64


# -- the daemon, and the shares that find it


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    paths = Paths(tmp_path / "h", tmp_path / "c")
    paths.prepare()
    return paths


@pytest.fixture
def machine() -> Iterator[subprocess.Popen[bytes]]:
    """Stands for QEMU: the daemon lives as long as it."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process


async def test_files_stay_open_from_one_supervisor_to_the_next(
    paths: Paths, root: Path, machine: subprocess.Popen[bytes]
) -> None:
    (root / "file").write_bytes(b"the same file")
    session = (1).to_bytes(8, "big")
    heard = bytearray()
    wanted: asyncio.Queue[bytes] = asyncio.Queue()
    answers: asyncio.Queue[bytes] = asyncio.Queue()

    async def guest(stream: MemoryStream) -> None:
        await stream.write(HELLO.pack(MAGIC, int.from_bytes(session, "big"), len(heard)))
        await _exactly(stream, HELLO.size)
        while ask := await wanted.get():
            await stream.write(FRAME.pack(len(ask), len(heard)) + ask)
            size, _ = FRAME.unpack(await _exactly(stream, FRAME.size))
            heard.extend(answer := await _exactly(stream, size))
            await answers.put(answer)

    birth = host().birth(machine.pid)
    assert birth is not None

    async def let_go(share: Share) -> None:
        raise AssertionError(f"sharing {share.folder} was not stopped by a test")

    async def silent(share: Share, times: int) -> str:
        raise AssertionError(f"virtiofs does not carry {share.folder}")

    first = Shares(paths, host(), lambda: (machine.pid, birth), let_go, silent)
    first.share([str(root)])
    first.use(MemoryCarrier(guest))
    await wanted.put(request(OPEN, 1, text(b"file"), (1).to_bytes(4, "big"), bytes(4)))
    handle = (await answers.get())[9:]
    assert first.states == {str(root): "mounted"}
    await first.close()
    await wanted.put(b"")  # its guest's end ends as well
    (root / "file").rename(root / "elsewhere")
    (root / "file").write_bytes(b"another one!!")

    second = Shares(paths, host(), lambda: (machine.pid, birth), let_go, silent)
    second.share([str(root)])
    second.use(MemoryCarrier(guest))
    await wanted.put(request(READ, 2, handle, bytes(8), (100).to_bytes(4, "big")))
    assert (await answers.get())[13:] == b"the same file"
    await second.close()

    assert stat.S_IMODE(paths.folders_socket.stat().st_mode) == 0o600
    machine.communicate(b"\n")
    async with asyncio.timeout(30):
        while paths.folders_socket.exists():
            await asyncio.sleep(0.1)


async def _exactly(stream: MemoryStream, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += await stream.read(size - len(data))
    return data


def test_an_unknown_session_is_told_so(paths: Paths, root: Path, machine: subprocess.Popen[bytes]) -> None:
    """A daemon that was killed forgets what was open; its successor must not take an old number for a new file."""
    daemon = subprocess.Popen([sys.executable, "-m", "engine.folders.sftp_daemon", str(paths.folders_socket)])
    with daemon:
        while not paths.folders_socket.exists():
            assert daemon.poll() is None
        with socket.socket(socket.AF_UNIX) as connection:
            while connection.connect_ex(str(paths.folders_socket)):
                assert daemon.poll() is None
            order = {"folder": str(root), "pid": machine.pid, "birth": host().birth(machine.pid)}
            connection.sendall(json.dumps(order).encode() + b"\n" + HELLO.pack(MAGIC, 5, 1000))
            assert HELLO.unpack(connection.recv(HELLO.size, socket.MSG_WAITALL)) == (MAGIC, 0, 0)
        daemon.kill()
    assert os.path.lexists(paths.folders_socket), "what a killed daemon leaves is replaced by the next"
