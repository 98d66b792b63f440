"""The wire: what goes in at one end comes out at the other, once and in order, whatever is cut in between."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Iterator

import pytest

from engine.folders.wire import FRAME, HELLO, MAGIC, Cut, Wire


class Guest:
    """The guest's end, after vm/image/native/sftp_transport.c: counts what it has, keeps what is not confirmed."""

    def __init__(self, session: int) -> None:
        self.session = session
        self.heard = bytearray()
        self.kept = bytearray()
        self.confirmed = 0
        self._sent = 0
        self._connection: socket.socket | None = None

    def connect(self, wire: Wire) -> None:
        """A new connection; the old one is given up, wherever it was."""
        if self._connection is not None:
            self._connection.close()
        ours, theirs = socket.socketpair()
        wire.attach(theirs, len(self.heard))
        magic, session, received = HELLO.unpack(ours.recv(HELLO.size, socket.MSG_WAITALL))
        assert (magic, session) == (MAGIC, self.session)
        self._confirm(received)
        self._sent = 0
        self._connection = ours
        self.flush()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def send(self, data: bytes) -> None:
        self.kept += data
        self.flush()

    def flush(self, upto: int | None = None) -> None:
        """Send what has not been sent, or cut it off in the middle of a frame."""
        assert self._connection is not None
        data = bytes(self.kept[self._sent :])
        if data:
            self._sent += len(data)
            self._connection.sendall((FRAME.pack(len(data), len(self.heard)) + data)[:upto])

    def hear(self, limit: int) -> None:
        """Take one frame, or only ``limit`` bytes of its content."""
        assert self._connection is not None
        head = self._connection.recv(FRAME.size, socket.MSG_WAITALL)
        size, received = FRAME.unpack(head)
        self._confirm(received)
        self.heard += self._connection.recv(min(size, limit), socket.MSG_WAITALL)

    def _confirm(self, received: int) -> None:
        del self.kept[: received - self.confirmed]
        self._sent = max(0, self._sent - (received - self.confirmed))
        self.confirmed = received


@pytest.fixture
def echo() -> Iterator[Wire]:
    wire = Wire(7)

    def serve() -> None:
        try:
            while True:
                wire.write(wire.read())
        except Cut:
            return

    thread = threading.Thread(target=serve)
    thread.start()
    yield wire
    wire.end()
    thread.join(10)
    assert not thread.is_alive()


@pytest.fixture
def guest() -> Iterator[Guest]:
    guest = Guest(7)
    yield guest
    guest.close()


@pytest.mark.parametrize("seed", range(5))
def test_cuts_at_random_places(echo: Wire, guest: Guest, seed: int) -> None:
    chance = random.Random(seed)
    said = bytearray()
    guest.connect(echo)
    for _ in range(200):
        piece = chance.randbytes(chance.randrange(1, 300))
        said += piece
        what = chance.random()
        if what < 0.1:  # cut while it is on its way
            guest.kept += piece
            guest.flush(chance.randrange(FRAME.size + len(piece)))
            guest.connect(echo)
        elif what < 0.2:  # cut while the answer is on its way
            guest.send(piece)
            guest.hear(chance.randrange(1, 100))
            guest.connect(echo)
        else:
            guest.send(piece)
    while len(guest.heard) < len(said):
        guest.hear(1 << 20)
    assert guest.heard == said


def test_answers_wait_for_a_connection(echo: Wire, guest: Guest) -> None:
    guest.connect(echo)
    guest.send(b"one")
    guest.close()
    guest.connect(echo)
    guest.send(b"two")
    while len(guest.heard) < 6:
        guest.hear(100)
    assert guest.heard == b"onetwo"


@pytest.mark.parametrize("claimed", [1, 10**12])
def test_a_guest_that_claims_what_it_cannot_have(claimed: int) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(Cut):
        Wire(7).attach(theirs, claimed)


def test_a_frame_that_is_too_large_ends_the_session() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        wire = Wire(7)
        wire.attach(theirs, 0)
        ours.sendall(FRAME.pack(1 << 30, 0))
        with pytest.raises(Cut):
            wire.read()
        wire.end()
        with pytest.raises(Cut):
            wire.read()
