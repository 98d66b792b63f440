"""SshLink against a real OpenSSH server: commands, half-close, cuts, re-keying, memory."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import threading
from collections.abc import AsyncIterator

import pytest
from paramiko import Transport

from tests.unit.sshd import Sshd, eventually, fail_if_alive, running_sshd, unix_server
from vm.errors import LinkError
from vm.guest.ssh import SshLink
from vm.guest.ssh_stream import WINDOW
from vm.guest.ssh_wire import HIGH_WATER, LoopPacketizer
from vm.guest.stream import Stream

pytestmark = pytest.mark.both_loops


@pytest.fixture
async def server() -> AsyncIterator[Sshd]:
    async with running_sshd() as running:
        yield running


@pytest.fixture
async def link(server: Sshd) -> AsyncIterator[SshLink]:
    connected = await server.link()
    yield connected
    await connected.close()


async def read_all(stream: Stream) -> bytes:
    data = bytearray()
    while piece := await stream.read(1 << 20):
        data += piece
    return bytes(data)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


# -- commands -----------------------------------------------------------------------------------------------------


async def test_run_returns_status_and_both_outputs(link: SshLink) -> None:
    done = await link.run("cat; echo oops >&2; exit 7", input=b"hello", timeout=20)
    assert (done.exit_code, done.stdout, done.stderr) == (7, b"hello", b"oops\n")


async def test_run_carries_more_than_one_window(link: SshLink) -> None:
    data = os.urandom(2 * WINDOW + 12345)
    done = await link.run("cat", input=data, timeout=60)
    assert done.stdout == data


async def test_run_of_a_command_that_ignores_its_input(link: SshLink) -> None:
    done = await link.run("echo early", input=bytes(8 * WINDOW), timeout=20)
    assert (done.exit_code, done.stdout) == (0, b"early\n")


async def test_run_that_takes_too_long_says_so_and_frees_its_stream(link: SshLink) -> None:
    with pytest.raises(LinkError, match=r"did not finish within 0\.3 seconds"):
        await link.run("sleep 30", timeout=0.3)
    assert (await link.run("echo still here", timeout=20)).stdout == b"still here\n"


async def test_run_killed_by_a_signal_is_an_error(link: SshLink) -> None:
    with pytest.raises(LinkError, match="cut short") as caught:
        await link.run("kill -TERM $$", timeout=20)
    assert "TERM" in caught.value.detail


async def test_a_command_as_a_stream(link: SshLink) -> None:
    stream = await link.open_exec("tr a-z A-Z; echo done")
    await stream.write(b"half-close")
    await stream.write_eof()
    heard = b""
    while data := await stream.read(100):
        heard += data
    assert heard == b"HALF-CLOSEdone\n"
    await stream.close()


async def test_ping(link: SshLink) -> None:
    await asyncio.gather(*(link.ping(10) for _ in range(20)))


async def test_aes_gcm_is_chosen() -> None:
    async with running_sshd("LogLevel DEBUG") as server:
        link = await server.link()
        await link.close()
        for way in ("client->server", "server->client"):
            assert f"kex: {way} cipher: aes128-gcm@openssh.com" in server.log()


# -- streams ------------------------------------------------------------------------------------------------------


async def test_echo_of_random_bytes_is_exact(link: SshLink) -> None:
    data = os.urandom(3 * WINDOW + 1)
    async with unix_server(echo) as path:
        stream = await link.open_unix(path)

        async def send() -> None:
            for start in range(0, len(data), 100_001):
                await stream.write(data[start : start + 100_001])
            await stream.write_eof()

        _, back = await asyncio.gather(send(), read_all(stream))
        await stream.close()
    assert hashlib.sha256(back).digest() == hashlib.sha256(data).digest()


async def test_our_eof_leaves_the_other_direction_open(link: SshLink) -> None:
    async def count_then_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        size = len(await reader.read())
        for _ in range(3):
            await asyncio.sleep(0.05)
            writer.write(b"%d " % size)

    async with unix_server(count_then_answer) as path:
        stream = await link.open_unix(path)
        await stream.write(b"x" * 300_000)
        await stream.write_eof()
        await stream.write_eof()
        assert await read_all(stream) == b"300000 300000 300000 "


async def test_the_peers_eof_leaves_ours_open(link: SshLink) -> None:
    heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def end_then_listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"bye")
        writer.write_eof()
        heard.set_result(await reader.read())

    async with unix_server(end_then_listen) as path:
        stream = await link.open_unix(path)
        assert await read_all(stream) == b"bye"
        assert await stream.read(10) == b""
        await stream.write(b"still talking")
        await stream.write_eof()
        assert await heard == b"still talking"


async def test_no_eof_is_invented(link: SshLink) -> None:
    async with unix_server(echo) as path:
        stream = await link.open_unix(path)
        await stream.write(b"ping")
        assert await stream.read(10) == b"ping"
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stream.read(10), 0.3)
        await stream.write(b"pong")
        assert await stream.read(10) == b"pong"


async def test_read_respects_its_limit(link: SshLink) -> None:
    async with unix_server(echo) as path:
        stream = await link.open_unix(path)
        await stream.write(b"abcdefgh")
        got = b""
        while len(got) < 8:
            piece = await stream.read(3)
            assert 1 <= len(piece) <= 3
            got += piece
        assert got == b"abcdefgh"


async def test_nothing_listens_there(link: SshLink) -> None:
    with pytest.raises(LinkError, match="Nothing answers at /nowhere in the machine"):
        await link.open_unix("/nowhere")
    await link.ping(10)


async def test_writing_to_a_closed_peer_fails(link: SshLink) -> None:
    async def slam(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with unix_server(slam) as path:
        stream = await link.open_unix(path)
        assert await stream.read(10) == b""
        with pytest.raises(LinkError):
            await stream.write(bytes(64 << 20))


async def test_closing_here_wakes_a_reader_and_closes_there(link: SshLink) -> None:
    ended: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def listen(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        ended.set_result(await reader.read())

    async with unix_server(listen) as path:
        stream = await link.open_unix(path)
        await stream.write(b"last words")
        reading = asyncio.create_task(stream.read(10))
        await asyncio.sleep(0)
        await stream.close()
        await stream.close()
        with pytest.raises(LinkError, match="closed on this side"):
            await reading
        with pytest.raises(LinkError):
            await stream.write(b"more")
        assert await ended == b"last words"


async def test_an_abandoned_opening_is_closed_behind_it(link: SshLink) -> None:
    accepted = asyncio.Event()
    left = asyncio.Event()

    async def wait_for_the_end(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        accepted.set()
        await reader.read()
        left.set()

    async with unix_server(wait_for_the_end) as path:
        opening = asyncio.create_task(link.open_unix(path))
        await asyncio.sleep(0)
        opening.cancel()
        async with asyncio.timeout(10):
            await accepted.wait()
            await left.wait()
    assert (await link.run("true", timeout=20)).exit_code == 0
    assert link.streams <= 1


async def test_two_hundred_streams_at_once(link: SshLink) -> None:
    async with unix_server(echo) as path:

        async def one(number: int) -> bytes:
            stream = await link.open_unix(path)
            await stream.write(b"%d " % number * 1000)
            await stream.write_eof()
            data = await read_all(stream)
            await stream.close()
            return data

        answers = await asyncio.gather(*(one(number) for number in range(200)))
    assert answers == [b"%d " % number * 1000 for number in range(200)]


async def test_a_slow_reader_holds_one_window_and_nobody_else(link: SshLink) -> None:
    """The guest sends without end; what we keep is bounded, and other streams go on."""
    sent = 0

    async def flood(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        while True:
            writer.write(bytes(65536))
            await writer.drain()
            sent += 65536

    async with unix_server(flood) as endless, unix_server(echo) as quick:
        slow = await link.open_unix(endless)
        other = await link.open_unix(quick)
        for _ in range(100):
            await other.write(b"x" * 1000)
            assert await other.read(1000)
        await eventually(lambda: slow.buffered > WINDOW - 65536)
        await other.write(b"behind all of it")
        assert await other.read(100)
        assert slow.buffered <= WINDOW
        assert sent < WINDOW + 4 * 1024 * 1024  # the rest is in the buffers of sshd and the kernel
        await slow.close()


async def test_a_peer_that_does_not_read_stops_the_writer(link: SshLink) -> None:
    async def sleep(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with unix_server(sleep) as path, unix_server(echo) as quick:
        stream = await link.open_unix(path)
        written = 0

        async def push() -> None:
            nonlocal written
            while True:
                await stream.write(bytes(65536))
                written += 65536

        pushing = asyncio.create_task(push())
        other = await link.open_unix(quick)
        await eventually(lambda: stream.send_window == 0)  # it waits for the peer
        assert written < 16 * 1024 * 1024
        assert link.queued <= HIGH_WATER
        await other.write(b"others go on")
        assert await other.read(100) == b"others go on"
        pushing.cancel()
        await asyncio.gather(pushing, return_exceptions=True)
        await stream.close()


async def test_a_thousand_streams_leave_nothing(link: SshLink) -> None:
    async with unix_server(echo) as path:

        async def one() -> None:
            stream = await link.open_unix(path)
            await stream.write(b"hi")
            assert await stream.read(10) == b"hi"
            await stream.close()

        for _ in range(20):
            await asyncio.gather(*(one() for _ in range(50)))
        await eventually(lambda: link.streams == 0)
        assert len(asyncio.all_tasks()) < 60  # the small server's own, ending


# -- re-keying ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["ours", "theirs"])
async def test_new_keys_in_the_middle_of_traffic(side: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both directions are busy while keys change several times; every byte arrives, in order."""
    if side == "ours":
        monkeypatch.setattr(LoopPacketizer, "REKEY_BYTES", 1 << 20)
    data = os.urandom(6 << 20)
    extra = "RekeyLimit 1M none" if side == "theirs" else ""
    async with running_sshd(f"LogLevel DEBUG\n{extra}") as server, unix_server(echo) as path:
        link = await server.link()
        stream = await link.open_unix(path)

        async def send() -> None:
            for start in range(0, len(data), 50_000):
                await stream.write(data[start : start + 50_000])
            await stream.write_eof()

        async with asyncio.timeout(60):
            _, back = await asyncio.gather(send(), read_all(stream))
        assert back == data
        assert server.log().count("SSH2_MSG_NEWKEYS received") >= 1 + 3
        await link.ping(10)
        await link.close()


# -- the end of the link ------------------------------------------------------------------------------------------


async def test_closing_the_link_ends_all_streams(link: SshLink) -> None:
    async with unix_server(echo) as path:
        stream = await link.open_unix(path)
        reading = asyncio.create_task(stream.read(10))
        running = asyncio.create_task(link.run("sleep 30", timeout=60))
        await asyncio.sleep(0.2)
        await link.close()
        await link.close()
        for task in (reading, running):
            with pytest.raises(LinkError):
                await task
        with pytest.raises(LinkError):
            await stream.write(b"x")
        with pytest.raises(LinkError):
            await link.open_unix(path)
        with pytest.raises(LinkError):
            await link.ping(1)
        fail_if_alive(link)
    assert not any(isinstance(thread, Transport) for thread in threading.enumerate())


async def test_the_death_of_the_server_is_noticed_at_once(server: Sshd) -> None:
    link = await server.link()
    async with unix_server(echo) as path:
        stream = await link.open_unix(path)
        reading = asyncio.create_task(stream.read(10))
        await asyncio.sleep(0)
        server.signal(signal.SIGKILL)
        async with asyncio.timeout(5):
            await link.closed.wait()
        with pytest.raises(LinkError, match="link to the machine broke"):
            await reading
    fail_if_alive(link)
    await link.close()


async def test_a_suspended_server_fails_the_ping(server: Sshd) -> None:
    link = await server.link()
    with server.suspended(), pytest.raises(LinkError, match=r"has not answered for 0\.5 seconds"):
        await link.ping(0.5)
    await link.ping(10)  # the late answer belongs to the first ping, and does no harm
    await link.close()


async def test_closing_while_the_server_does_not_read(server: Sshd) -> None:
    """What is queued for a suspended machine must not keep close() waiting."""
    link = await server.link()
    async with unix_server(echo) as path:
        stream = await link.open_unix(path)
        with server.suspended():
            pushing = asyncio.create_task(stream.write(bytes(64 << 20)))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.shield(pushing), 0.5)
            async with asyncio.timeout(5):
                await link.close()
            with pytest.raises(LinkError):
                await pushing
