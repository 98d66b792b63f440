"""The transport of SFTP, both its real ends: what is not confirmed is kept and sent again."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.folders.wire import FRAME, HELLO, MAGIC, Cut, Wire
from tests.unit.guest_program import compile_guest_program

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a program of the guest's")

SECONDS = 60.0
PIECE = 65536
MOMENT = 0.02
"""Seconds until a connection is cut that nothing has cut before."""


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_guest_program("sftp_transport", tmp_path_factory.mktemp("transport"))


class Transport:
    """The running program; this is sshfs at its standard input and output.

    :ivar heard: what came out of it.
    """

    def __init__(self, program: Path, place: Path) -> None:
        self.place = place
        self.process = subprocess.Popen(
            [program],
            env={"TRANSPORT_SOCKET": str(place)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        self.heard = bytearray()
        self._reading = threading.Thread(target=self._read)
        self._reading.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        while data := self.process.stdout.read(PIECE):
            self.heard += data

    def say(self, data: bytes) -> None:
        assert self.process.stdin is not None
        left = memoryview(data)
        while left:
            left = left[self.process.stdin.write(left) :]

    def connect(self) -> tuple[socket.socket, int, int]:
        """A new connection from the host, after the guest's hello: our end, the session, what the guest has."""
        ours, theirs = socket.socketpair()
        with socket.socket(socket.AF_UNIX) as caller:
            while True:
                try:
                    caller.connect(str(self.place))
                    break
                except (FileNotFoundError, ConnectionRefusedError):
                    assert self.process.poll() is None
            socket.send_fds(caller, [b"\0"], [theirs.fileno(), theirs.fileno()])
            theirs.close()
            ours.settimeout(SECONDS)
            magic, session, received = HELLO.unpack(ours.recv(HELLO.size, socket.MSG_WAITALL))
        assert magic == MAGIC
        return ours, session, received

    def end(self) -> int:
        """As when sshfs ends; returns the exit code."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        code = self.process.wait(SECONDS)
        self._reading.join(SECONDS)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


@contextmanager
def transport(program: Path, folder: Path) -> Iterator[Transport]:
    made = Transport(program, folder / "s")
    try:
        yield made
    except BaseException:
        made.process.kill()
        raise
    finally:
        made.end()
    assert made.process.returncode == 0


class Cable:
    """A connection that is cut once so many bytes have passed in either direction, or when the test cuts it.

    :ivar host: the host's end.
    :ivar ended: set when it was cut.
    """

    def __init__(self, guest: socket.socket, limit: int) -> None:
        self.host, inner = socket.socketpair()
        self.ended = threading.Event()
        self._ends = (guest, inner)
        self._threads = [
            threading.Thread(target=self._carry, args=(source, target, limit))
            for source, target in ((guest, inner), (inner, guest))
        ]
        for thread in self._threads:
            thread.start()

    def _carry(self, source: socket.socket, target: socket.socket, limit: int) -> None:
        with contextlib.suppress(OSError):  # one end has closed it
            while limit > 0 and (data := source.recv(min(limit, PIECE))):
                target.sendall(data)
                limit -= len(data)
        self._shut()

    def _shut(self) -> None:
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self.ended.set()

    def cut(self) -> None:
        """Cut it, if nothing has done so yet."""
        self._shut()
        for thread in self._threads:
            thread.join(SECONDS)
        for end in self._ends:
            end.close()


class Host:
    """The host's end of a session: a :class:`Wire`, and a thread that collects what comes out of it."""

    def __init__(self, session: int) -> None:
        self.wire = Wire(session)
        self.heard = bytearray()
        self._reading = threading.Thread(target=self._read)
        self._reading.start()

    def _read(self) -> None:
        with contextlib.suppress(Cut):
            while True:
                self.heard += self.wire.read()

    def end(self) -> None:
        self.wire.end()
        self._reading.join(SECONDS)


def say_all(say: Callable[[bytes], None], pieces: list[bytes]) -> None:
    for piece in pieces:
        say(piece)


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


contents = st.lists(st.binary(max_size=100) | st.integers(0, 300_000).map(os.urandom), max_size=6)
limits = st.lists(st.integers(1, 400) | st.integers(0, 500_000), max_size=5)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(contents, contents, limits)
def test_everything_arrives_once(
    program: Path, tmp_path: Path, ours: list[bytes], theirs: list[bytes], limits: list[int]
) -> None:
    """Whatever either end says, and wherever connections are cut, the other end has it once and in order."""
    with transport(program, tmp_path) as guest:
        connection, session, received = guest.connect()
        host = Host(session)
        talking = [
            threading.Thread(target=say_all, args=(guest.say, theirs)),
            threading.Thread(target=say_all, args=(host.wire.write, ours)),
        ]
        try:
            for thread in talking:
                thread.start()
            for limit in limits:
                cable = Cable(connection, limit)
                host.wire.attach(cable.host, received)
                cable.ended.wait(MOMENT)  # there may not be as much to say
                cable.cut()
                connection, again, received = guest.connect()
                assert again == session
            host.wire.attach(connection, received)
            wait_until(lambda: host.heard == b"".join(theirs) and guest.heard == b"".join(ours))
        finally:
            host.end()
            for thread in talking:
                thread.join(SECONDS)


@pytest.fixture
def guest(program: Path, tmp_path: Path) -> Iterator[Transport]:
    with transport(program, tmp_path) as made:
        yield made


def test_a_host_that_does_not_know_the_session_ends_it(guest: Transport) -> None:
    connection, _session, _received = guest.connect()
    connection.sendall(HELLO.pack(MAGIC, 0, 0))
    assert guest.process.wait(SECONDS) == 0
    connection.close()


def welcome(connection: socket.socket, session: int, received: int) -> None:
    connection.sendall(HELLO.pack(MAGIC, session, received))


@pytest.mark.parametrize("claimed", [4, 1 << 63])
def test_a_host_cannot_confirm_what_it_was_not_sent(guest: Transport, claimed: int) -> None:
    """The connection is dropped, and the bytes come again over the next one."""
    connection, session, _received = guest.connect()
    welcome(connection, session, 0)
    guest.say(b"abc")
    size, _ = FRAME.unpack(connection.recv(FRAME.size, socket.MSG_WAITALL))
    assert connection.recv(size, socket.MSG_WAITALL) == b"abc"
    connection.sendall(FRAME.pack(0, claimed))
    assert connection.recv(1) == b""
    connection.close()
    connection, session, _received = guest.connect()
    welcome(connection, session, 1)
    assert connection.recv(FRAME.size + 2, socket.MSG_WAITALL)[FRAME.size :] == b"bc"
    connection.close()


@pytest.mark.parametrize("hello", [b"GET / HTTP/1.1\r\nHost: x\r\n", HELLO.pack(b"SLIPWORM", 1, 0)])
def test_what_is_no_hello_ends_the_connection(guest: Transport, hello: bytes) -> None:
    connection, _session, _received = guest.connect()
    connection.sendall(hello)
    assert connection.recv(1) == b""
    connection.close()


def test_attaching(program: Path, guest: Transport) -> None:
    """The program's other half passes a connection on, and ends when the next one takes its place."""
    ours, theirs = socket.socketpair()
    guest.connect()[0].close()
    with subprocess.Popen(
        [str(program), "--attach", str(guest.place)], stdin=theirs.fileno(), stdout=theirs.fileno()
    ) as attached:
        theirs.close()
        ours.settimeout(SECONDS)
        magic, session, _received = HELLO.unpack(ours.recv(HELLO.size, socket.MSG_WAITALL))
        assert magic == MAGIC
        welcome(ours, session, 0)
        ours.sendall(FRAME.pack(3, 0) + b"abc")
        wait_until(lambda: guest.heard == b"abc")
        guest.connect()[0].close()
        assert attached.wait(SECONDS) == 0
        assert ours.recv(1) == b""
    ours.close()
