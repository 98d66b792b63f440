"""The host's errors on their way through sshfs: the real server's statuses, a peer that sends what sshfs would."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from engine.folders.errors import LINUX, tag
from engine.folders.sftp import EXTENSIONS, FAILURE, INODES, OK, STATUS, SftpServer, text
from engine.folders.tree_posix import PosixTree
from tests.unit.guest_program import NATIVE, compile_sources
from vm.host import host

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a program of the guest's")

SECONDS = 60
NOT_KNOWN = 1
"""EPERM: what sshfs makes of every refusal."""

NOT_WRITTEN = 5
"""EIO: what it makes of one of data."""

some = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@dataclass(frozen=True)
class Answer:
    """A status, and the errno that it carries."""

    code: int = OK
    language: bytes = b""
    errno: int = 0
    message: bytes = b""

    def packet(self, number: bytes) -> bytes:
        body = bytes([STATUS]) + number + self.code.to_bytes(4, "big") + text(self.message) + text(self.language)
        return len(body).to_bytes(4, "big") + body


@dataclass
class Model:
    """What the peer is expected to print.

    :ivar waiting: for each file, the errors of data that nobody has been given yet.
    """

    lines: list[str] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    out: list[int] = field(default_factory=list)
    waiting: dict[int, list[int]] = field(default_factory=dict)

    def operation(self, answers: list[Answer]) -> None:
        self.lines.append(f"o {len(answers)}")
        self.answers += answers
        self.out.append(next((one.errno for one in answers if one.errno), NOT_KNOWN))

    def write(self, file: int, answer: Answer, waits: bool) -> None:
        self.lines.append(f"{'s' if waits else 'w'} {file}")
        self.answers.append(answer)
        if waits:
            self.out.append(answer.errno or next(iter(self.waiting.pop(file, [])), NOT_WRITTEN))
            return
        self.waiting.setdefault(file, []).extend([answer.errno] if answer.errno else [])

    def flush(self, file: int) -> None:
        self.lines.append(f"f {file}")
        self.out.append(next(iter(self.waiting.pop(file, [])), NOT_WRITTEN))

    def close(self, file: int) -> None:
        self.lines.append(f"c {file}")
        self.waiting.pop(file, None)


refusals = st.sampled_from(sorted(set(LINUX.values()) - {LINUX["ENOSYS"]})).map(
    lambda number: Answer(FAILURE, tag(number), number, b"why")
)
foreign = st.builds(
    Answer,
    st.integers(1, 2**32 - 1),
    st.sampled_from(
        [b"", b"en", b"x-errno-", b"x-errno-0", b"x-errno-38", b"x-errno-134", b"x-errno-9999", b"x-errno--1"]
    )
    | st.binary(max_size=20).filter(lambda noise: not noise.startswith(b"x-errno")),
    message=st.binary(max_size=2000),
)
answers = st.just(Answer()) | refusals | foreign
files = st.integers(1, 3)


@dataclass(frozen=True)
class Operation:
    answers: list[Answer]

    def apply(self, model: Model) -> None:
        model.operation(self.answers)


@dataclass(frozen=True)
class Write:
    file: int
    answer: Answer
    waits: bool = False

    def apply(self, model: Model) -> None:
        model.write(self.file, self.answer, self.waits)


@dataclass(frozen=True)
class Flush:
    file: int
    closes: bool = False

    def apply(self, model: Model) -> None:
        (model.close if self.closes else model.flush)(self.file)


operations = st.builds(Operation, st.lists(answers, min_size=1, max_size=4))
Step = Operation | Write | Flush
steps = st.lists(
    operations | st.builds(Write, files, answers, st.booleans()) | st.builds(Flush, files, st.booleans()),
    max_size=20,
)
NO_SPACE, NOT_EMPTY = (Answer(FAILURE, tag(LINUX[name]), LINUX[name]) for name in ("ENOSPC", "ENOTEMPTY"))


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    peer = Path(__file__).parent / "peers" / "sftp_requests.c"
    sources = [peer, NATIVE / "sftp_requests.c", NATIVE / "sftp_answers.c"]
    return compile_sources(sources, tmp_path_factory.mktemp("requests") / "requests")


def packets(connection: socket.socket) -> Iterator[bytes]:
    """The requests, without their lengths."""
    with connection.makefile("rb") as stream:
        while size := stream.read(4):
            yield stream.read(int.from_bytes(size, "big"))


def serve(connection: socket.socket, version: bytes, model: Model, piece: int) -> None:
    """Answer INIT with ``version``, then each request as the model has it."""
    requests = packets(connection)
    init = next(requests)
    assert init[:5] == b"\1\0\0\0\3"
    assert init[5:] == text(INODES) + text(b"1")
    connection.sendall(version)
    for answer in model.answers:
        data = answer.packet(next(requests)[1:5])
        for at in range(0, len(data), piece):
            connection.sendall(data[at : at + piece])


def run(program: Path, version: bytes, model: Model, piece: int = 4096) -> list[int]:
    ours, theirs = socket.socketpair()
    ours.settimeout(SECONDS)
    with ours:
        with theirs:
            peer = subprocess.Popen(
                [program, str(theirs.fileno())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=[theirs.fileno()],
                text=True,
            )
        server = threading.Thread(target=serve, args=(ours, version, model, piece))
        server.start()
        out, _ = peer.communicate("\n".join(model.lines), timeout=SECONDS)
        server.join(SECONDS)
    assert peer.returncode == 0
    return [int(line) for line in out.split()]


@pytest.fixture
def version(tmp_path: Path) -> bytes:
    """The real server's."""
    server = SftpServer(PosixTree(tmp_path, host().open_folder))
    return server.answer(b"\0\0\0\5\1\0\0\0\3")


@some
@given(steps, st.integers(1, 40))
@example([Write(1, NO_SPACE), Operation([NOT_EMPTY, NO_SPACE]), Flush(1), Flush(1)], 7)
@example([Write(1, NO_SPACE), Write(1, NO_SPACE, waits=True), Flush(1), Flush(1)], 3)
@example([Write(1, NO_SPACE), Flush(1, closes=True), Write(1, Answer()), Flush(1)], 4096)
def test_each_operation_has_its_own_error(program: Path, version: bytes, steps: list[Step], piece: int) -> None:
    model = Model()
    for step in steps:
        step.apply(model)
    assert run(program, version, model, piece) == [1, 0, *model.out]


def test_every_error_keeps_its_number(program: Path, version: bytes) -> None:
    model = Model()
    for number in set(LINUX.values()) - {LINUX["ENOSYS"]}:
        model.operation([Answer(FAILURE, tag(number), number)])
    assert run(program, version, model) == [1, 0, *model.out]


def test_another_server_has_no_inode_numbers(program: Path) -> None:
    others = [text(name) + text(value) for name, value in EXTENSIONS if name != INODES]
    body = b"\2\0\0\0\3" + b"".join(others)
    model = Model()
    model.operation([Answer(FAILURE, b"en")])
    assert run(program, len(body).to_bytes(4, "big") + body, model) == [0, 0, NOT_KNOWN]


def test_a_host_without_modes_is_known(program: Path, tmp_path: Path) -> None:
    tree = PosixTree(tmp_path, host().open_folder)
    tree.keeps_modes = False
    model = Model()
    model.operation([Answer(FAILURE, tag(LINUX["EPERM"]), LINUX["EPERM"])])
    version = SftpServer(tree).answer(b"\0\0\0\5\1\0\0\0\3")
    assert run(program, version, model) == [1, 1, LINUX["EPERM"]]
