"""Datagrams in capsules: what either end frames, in Python or in C, the other one reads, however it is cut."""

from __future__ import annotations

import ctypes
import socket
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.guest_program import NATIVE, compile_library
from vm.guest.capsules import Capsules, capsule

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="programs of the guest's")

ROOM = 1 << 20
MANY = 8
"""Datagrams that the kernel queues for a Unix socket, and some to spare."""

small, large = st.binary(max_size=200), st.integers(0, 65_000).map(bytes)
datagrams = st.lists(small | large, max_size=MANY)


class Peer:
    """The C functions at one end of a socket pair, and the other end."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self.library = library
        library.datagrams_send.restype = ctypes.c_ssize_t
        library.datagrams_receive.restype = ctypes.c_size_t
        self.ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        for end in (self.ours, self.theirs):
            end.setblocking(False)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ROOM)

    def send(self, data: bytes) -> int:
        """Let the guest's end send the complete capsules; returns how many bytes those are."""
        sent: int = self.library.datagrams_send(self.theirs.fileno(), data, ctypes.c_size_t(len(data)))
        return sent

    def receive(self) -> bytes:
        """Let the guest's end frame what has come."""
        buffer = ctypes.create_string_buffer(ROOM)
        size = self.library.datagrams_receive(self.theirs.fileno(), buffer, ctypes.c_size_t(ROOM))
        return buffer.raw[:size]

    def sent(self) -> list[bytes]:
        """The datagrams that have come out of the guest's end."""
        found = []
        while True:
            try:
                found.append(self.ours.recv(ROOM))
            except BlockingIOError:
                return found

    def close(self) -> None:
        self.ours.close()
        self.theirs.close()


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return ctypes.CDLL(str(compile_library([NATIVE / "datagrams.c"], shared(tmp_path_factory))))


def shared(factory: pytest.TempPathFactory) -> Path:
    return factory.mktemp("capsules") / "datagrams.so"


def pieces(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    """``data`` in pieces that end at ``cuts``, which are taken modulo its length."""
    ends = sorted({cut % (len(data) + 1) for cut in cuts} | {len(data)})
    return [data[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]


cuts = st.lists(st.integers(0, 1 << 20), max_size=10)


@given(datagrams, cuts)
def test_from_the_host_to_the_guest(library: ctypes.CDLL, sent: list[bytes], cuts: list[int]) -> None:
    peer, rest, found = Peer(library), b"", []
    for piece in pieces(b"".join(map(capsule, sent)), cuts):
        rest += piece
        rest = rest[peer.send(rest) :]
        found += peer.sent()
    peer.close()
    assert (found, rest) == (sent, b"")


@given(datagrams, cuts)
def test_from_the_guest_to_the_host(library: ctypes.CDLL, sent: list[bytes], cuts: list[int]) -> None:
    peer, capsules = Peer(library), Capsules()
    for datagram in sent:
        peer.ours.send(datagram)
    framed = b"".join(iter(peer.receive, b""))
    peer.close()
    assert [one for piece in pieces(framed, cuts) for one in capsules.feed(piece)] == sent


def quic_number(value: int, width: int) -> bytes:
    """A number in 1, 2, 4 or 8 bytes (``width`` 0 to 3), more than it takes if that is so."""
    return (value | width << (8 * (1 << width) - 2)).to_bytes(1 << width, "big")


numbers = st.integers(0, 3).flatmap(
    lambda width: st.tuples(st.integers(0, (1 << (8 * (1 << width) - 2)) - 1), st.just(width))
)


@st.composite
def any_capsule(draw: st.DrawFn) -> bytes:
    """A capsule of any type and any context, its numbers in any width that has room."""
    kind, width = draw(st.sampled_from([(0, 0), (0, 1), (0, 3)]) | numbers)
    content = draw(st.binary(max_size=50))
    size = draw(st.integers(0 if len(content) < 64 else 1, 3))
    return quic_number(kind, width) + quic_number(len(content), size) + content


@given(st.lists(any_capsule(), max_size=MANY), st.binary(max_size=20))
def test_both_skip_the_same(library: ctypes.CDLL, sent: list[bytes], tail: bytes) -> None:
    """Other types and contexts are skipped, and a tail that is no whole capsule waits."""
    data, peer = b"".join(sent) + tail, Peer(library)
    used = peer.send(data)
    found = peer.sent()
    peer.close()
    try:
        expected = Capsules().feed(data)
    except ValueError:
        assert used == -1
    else:
        assert found == expected
