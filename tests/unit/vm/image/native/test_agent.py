"""The link's two real ends: FastLink and the guest's agent, over a pseudo-terminal in place of the port."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from typing import Self

import pytest

from tests.unit.guest_program import compile_guest_program
from vm.errors import LinkError
from vm.guest.capsules import Capsules, capsule
from vm.guest.control import GuestControl
from vm.guest.link import FastLink
from vm.guest.stream import Stream
from vm.host import host

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a program of the guest's")

SECONDS = 60.0
MUCH = 3 << 20
BEYOND = 64 * 1024
"""Bytes that the agent accepts of a client whose peer reads nothing, when the socket's buffers are full.

It accepts more (vm/image/native/stream.h, WINDOW), which makes up for what the kernel takes less of small pieces.
"""

MOST_OF_UNIX = 256 * 1024
"""The same for a Unix socket, with what its buffers take: more than these hold of pieces of any size."""

LITTLE = 32 * 1024
"""Bytes that fit into these, and not into what the network takes at once."""

PART, PARTS, PAUSE_MS = 1000, 6, 500
"""How a slow program reads, for longer than what it does not read is kept. So little at once that the kernel does
not take much more meanwhile: congestion control gives a connection larger buffers for each read."""

LOOKS = 10
"""How often the kernel takes nothing more, until it is believed: it is given time between two looks."""


class Control(GuestControl):
    """A control port that has the agent empty its port, as the guest's init does."""

    def __init__(self, agent: subprocess.Popen[bytes], ready: Path) -> None:
        super().__init__()
        self._agent, self._ready = agent, ready

    async def command(self, line: str, timeout: float = 10) -> str:
        assert line == "link"
        await exists(self._ready)
        self._ready.unlink()
        self._agent.send_signal(signal.SIGHUP)
        await exists(self._ready)
        return ""


LISTENING = "00010000"
"""In the column of flags (proc(5), /proc/net/unix; the kernel's __SO_ACCEPTCON)."""


async def exists(path: Path) -> None:
    """Wait for a file that another process makes."""
    async with asyncio.timeout(SECONDS):
        while not path.exists():
            await asyncio.sleep(0.005)


async def listens(path: Path) -> None:
    """Wait until another process listens at a socket, which it does some time after it has made it."""
    async with asyncio.timeout(SECONDS):
        while not any(
            line.split()[3] == LISTENING and line.endswith(f" {path}")
            for line in Path("/proc/net/unix").read_text().splitlines()
        ):
            await asyncio.sleep(0.005)


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """The agent; a parameter is options for the compiler."""
    return compile_guest_program("agent", tmp_path_factory.mktemp("agent"), getattr(request, "param", ()))


@contextlib.contextmanager
def running(*argv: str | Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(argv)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(SECONDS)


@pytest.fixture
async def link(program: Path, tmp_path: Path) -> AsyncIterator[FastLink]:
    port, door, ready = tmp_path / "port", tmp_path / "l", tmp_path / "ready"
    with running("socat", f"PTY,link={port},rawer", f"UNIX-LISTEN:{door}"):
        await exists(port)
        with running(program, port, ready) as agent:
            await listens(door)
            made = await FastLink.connect(host(), door, Control(agent, ready), SECONDS)
            yield made
            assert agent.poll() is None
            await made.close()
        assert agent.returncode == 0


async def read_all(stream: Stream) -> bytes:
    return b"".join([piece async for piece in pieces(stream)])


async def pieces(stream: Stream) -> AsyncIterator[bytes]:
    async with asyncio.timeout(SECONDS):
        while piece := await stream.read(1 << 20):
            yield piece


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say back what comes, and end with it."""
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def test_much_goes_both_ways(link: FastLink) -> None:
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    stream = await link.open_tcp("127.0.0.1", server.sockets[0].getsockname()[1])
    data = bytes(range(256)) * (MUCH // 256)
    heard = asyncio.create_task(read_all(stream))
    await stream.write(data)
    await stream.write_eof()
    assert await heard == data
    await stream.close()
    server.close()


@pytest.mark.parametrize("complete", [True, False])
async def test_what_was_said_before_leaving_arrives(link: FastLink, tmp_path: Path, complete: bool) -> None:
    """As on a socket of this computer, however slowly the other end reads; unless the host has broken off."""
    heard: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        size = 0
        await asyncio.sleep(0.2)  # the buffers on the way fill up
        while data := await reader.read(10_000):
            size += len(data)
            await asyncio.sleep(0.001)
        writer.close()
        heard.set_result(size)

    server = await asyncio.start_unix_server(slow, tmp_path / "s", limit=10_000)
    stream = await link.open_unix(str(tmp_path / "s"))
    await stream.write(bytes(MUCH))
    if complete:
        await stream.write_eof()
    await stream.close()
    size = await asyncio.wait_for(heard, SECONDS)
    assert size == MUCH if complete else size < MUCH
    server.close()


# -- what the host has left behind --------------------------------------------------------------------------------


class Peer:
    """A program in the machine that writes to its client, and reads when it is told to.

    :ivar held: more bytes than a socket's buffers hold, by :data:`BEYOND`.
    """

    def __init__(self, family: socket.AddressFamily, folder: Path) -> None:
        self._listener = socket.socket(family)
        if family != socket.AF_UNIX:  # a connection that holds little, as one over a network
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            self._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1000)
        self._listener.bind(str(folder / "s") if family == socket.AF_UNIX else ("127.0.0.1", 0))
        self._listener.listen()
        self._listener.settimeout(SECONDS)
        self.address = self._listener.getsockname()
        self.held = MOST_OF_UNIX if family == socket.AF_UNIX else self._room() + BEYOND

    def _room(self) -> int:
        """Bytes that the kernel takes of a client whose peer reads nothing: how it controls congestion decides."""
        with socket.socket(self._listener.family) as client:
            client.connect(self.address)
            with self._listener.accept()[0]:
                size, looks = 0, 0
                while looks < LOOKS:
                    before = size
                    with contextlib.suppress(BlockingIOError):
                        while True:
                            size += client.send(bytes(4096), socket.MSG_DONTWAIT)
                    looks = looks + 1 if size == before else 0
                    time.sleep(0.02)  # for the network to take what it takes
                return size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()
        self._listener.close()

    async def serve(self, link: FastLink) -> Stream:
        """The host's end of a connection to it."""
        if isinstance(self.address, str):
            stream = await link.open_unix(self.address)
        else:
            stream = await link.open_tcp(*self.address)
        self.socket = self._listener.accept()[0]
        self.socket.settimeout(SECONDS)
        return stream

    async def abandoned(self, link: FastLink, size: int) -> None:
        """A client has said so many bytes, which are still on their way, and has gone."""
        stream = await self.serve(link)
        async with asyncio.timeout(SECONDS):
            await stream.write(bytes(size))
            await stream.write_eof()
            await stream.close()
        await link.ping(SECONDS)  # the agent has seen all of that

    def write(self) -> int:
        """Write :data:`MUCH` bytes, unless that fails; returns how many were taken.

        As Go's programs do: wait until the kernel reports that there is room.
        """
        room = select.poll()
        room.register(self.socket, select.POLLOUT)
        left = memoryview(bytes(MUCH))
        with contextlib.suppress(BrokenPipeError):
            while left:
                assert room.poll(SECONDS * 1000), "the client has gone, and the program waits for it"
                left = left[self.socket.send(left, socket.MSG_DONTWAIT) :]
        return MUCH - len(left)

    async def delivered(self) -> None:
        """Until the other end's kernel has what was written."""
        async with asyncio.timeout(SECONDS):
            while struct.unpack("i", fcntl.ioctl(self.socket, termios.TIOCOUTQ, bytes(4)))[0]:
                await asyncio.sleep(0.005)

    def read(self) -> int:
        """How many bytes there are up to the end."""
        return sum(map(len, iter(partial(self.socket.recv, 1 << 16), b"")))


@pytest.mark.parametrize("family", [socket.AF_UNIX, socket.AF_INET])
async def test_who_writes_to_a_client_that_has_gone_does_not_wait(
    link: FastLink, tmp_path: Path, family: socket.AddressFamily
) -> None:
    """Although what the client had said still waits to be read."""
    with Peer(family, tmp_path) as peer:
        await peer.abandoned(link, peer.held)
        taken = await asyncio.to_thread(peer.write)
        assert taken == (0 if family == socket.AF_UNIX else MUCH)
        await peer.delivered()
        assert await asyncio.to_thread(peer.read) == peer.held


@pytest.mark.parametrize("family", [socket.AF_UNIX, socket.AF_INET])
async def test_what_is_in_the_kernel_already_arrives_too(
    link: FastLink, tmp_path: Path, family: socket.AddressFamily
) -> None:
    with Peer(family, tmp_path) as peer:
        await peer.abandoned(link, LITTLE)
        assert await asyncio.to_thread(peer.read) == LITTLE


@pytest.mark.parametrize("family", [socket.AF_UNIX, socket.AF_INET])
async def test_who_waits_for_a_client_to_read_goes_on_when_it_has_gone(
    link: FastLink, tmp_path: Path, family: socket.AddressFamily
) -> None:
    with Peer(family, tmp_path) as peer:
        stream = await peer.serve(link)
        writing = asyncio.create_task(asyncio.to_thread(peer.write))
        await stream.read(1)
        await stream.write(bytes(peer.held))
        await stream.write_eof()
        await stream.close()
        taken = await writing
        assert taken < MUCH if family == socket.AF_UNIX else taken == MUCH
        await peer.delivered()
        assert await asyncio.to_thread(peer.read) == peer.held


@pytest.mark.parametrize("program", [("-DORPHAN_SECONDS=2",)], indirect=True)
async def test_what_no_one_reads_is_dropped_after_a_while(link: FastLink, tmp_path: Path) -> None:
    """Each time that something is read the while begins again."""
    with Peer(socket.AF_INET, tmp_path) as peer:
        await peer.abandoned(link, peer.held)
        ended = select.poll()
        ended.register(peer.socket, 0)
        for _ in range(PARTS):
            assert not await asyncio.to_thread(ended.poll, PAUSE_MS)
            assert peer.socket.recv(PART)
        assert await asyncio.to_thread(ended.poll, SECONDS * 1000)
        with pytest.raises(ConnectionResetError):  # it is not to be taken for the end
            await asyncio.to_thread(peer.read)


async def test_a_command_reads_to_the_end(link: FastLink) -> None:
    stream = await link.open_exec("cat; echo after")
    await stream.write(b"before\n")
    await stream.write_eof()
    assert await read_all(stream) == b"before\nafter\n"
    await stream.close()


async def test_refusals(link: FastLink, tmp_path: Path) -> None:
    with pytest.raises(LinkError, match="Nothing answers"):
        await link.open_unix(str(tmp_path / "nothing"))
    for address in ("127.0.0.1", "::1"):
        with pytest.raises(LinkError, match="Nothing answers"):
            await link.open_tcp(address, 1)
    with pytest.raises(LinkError):
        await link.open_tcp("name", 80)
    with pytest.raises(LinkError):
        await link.open_unix("/" + "long" * 50)


async def test_who_connects_to_a_socket_of_the_host(link: FastLink, tmp_path: Path) -> None:
    stream = await link.open_accept(str(tmp_path / "s"))
    reader, writer = await asyncio.open_unix_connection(tmp_path / "s")
    writer.write(b"hello")
    writer.write_eof()
    assert await read_all(stream) == b"\nhello"
    await stream.write(b"bye")
    await stream.write_eof()
    assert await reader.read() == b"bye"
    writer.close()
    await stream.close()


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
async def test_datagrams_of_any_length(link: FastLink, family: socket.AddressFamily) -> None:
    address = "127.0.0.1" if family == socket.AF_INET else "::1"
    sizes = (0, 1, 62, 63, 64, 16381, 16382, 16383, 60_000)
    with socket.socket(family, socket.SOCK_DGRAM) as peer:
        peer.bind((address, 0))
        peer.settimeout(SECONDS)
        stream = await link.open_udp(address, peer.getsockname()[1])
        capsules, answers = Capsules(), []
        for size in sizes:
            await stream.write(capsule(bytes(size)))
            data, sender = await asyncio.to_thread(peer.recvfrom, 1 << 16)
            assert data == bytes(size)
            peer.sendto(data[::-1], sender)
            async with asyncio.timeout(SECONDS):
                while not (found := capsules.feed(await stream.read(1 << 20))):
                    continue
            answers += found
        assert list(map(len, answers)) == list(sizes)
        await stream.close()
