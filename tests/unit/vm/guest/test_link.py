"""FastLink against a stand-in of the agent: windows, half-close, refusals, cuts, and whose bytes are whose."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.sshd import eventually
from tests.unit.vm.guest.link_agent import FLOOD, WINDOW, Agent, StandInControl, linked
from vm.errors import LinkError
from vm.guest.control import GuestStage
from vm.guest.link import FastLink, one_line
from vm.guest.stream import Stream
from vm.host import host

pytestmark = pytest.mark.both_loops


@pytest.fixture
def agent() -> Agent:
    return Agent()


@pytest.fixture
async def link(tmp_path: Path, agent: Agent) -> AsyncIterator[FastLink]:
    async with linked(tmp_path / "l.sock", agent) as (connected, _control):
        yield connected


async def read_all(stream: Stream) -> bytes:
    data = bytearray()
    while piece := await stream.read(1 << 20):
        data += piece
    return bytes(data)


async def test_a_stream_carries_both_ways_and_half_closes(link: FastLink) -> None:
    stream = await link.open_unix("/echo")
    await stream.write(b"hello ")
    await stream.write(b"there")
    await stream.write_eof()
    await stream.write_eof()
    assert await read_all(stream) == b"hello there"
    await stream.close()
    assert link.streams == 0


async def test_the_guest_may_end_first(link: FastLink, agent: Agent) -> None:
    stream = await link.open_unix("/early")
    assert await read_all(stream) == b"bye"
    await stream.write(b"still talking")
    await stream.write_eof()
    await eventually(lambda: agent.heard["/early"] == b"still talking")
    assert link.streams == 0


async def test_a_refusal_says_why(link: FastLink) -> None:
    with pytest.raises(LinkError, match="Nothing answers at /refuse") as caught:
        await link.open_unix("/refuse")
    assert caught.value.detail == "nobody home"
    assert link.streams == 0
    assert await echoed(link, b"the next one is well") == b"the next one is well"


async def echoed(link: FastLink, data: bytes) -> bytes:
    stream = await link.open_unix("/echo")
    reading = asyncio.create_task(read_all(stream))
    await stream.write(data)
    await stream.write_eof()
    return await reading


async def test_more_than_all_windows(link: FastLink) -> None:
    stream = await link.open_unix("/flood")
    assert len(await read_all(stream)) == FLOOD


async def test_a_stream_that_nobody_reads_holds_up_no_other(link: FastLink) -> None:
    flooded = await link.open_unix("/flood")
    stalled = await link.open_unix("/stall")
    writing = asyncio.create_task(stalled.write(bytes(4 * WINDOW)))
    assert await echoed(link, bytes(3 * WINDOW)) == bytes(3 * WINDOW)
    assert not writing.done()
    await stalled.close()
    with pytest.raises(LinkError):
        await writing
    assert len(await read_all(flooded)) == FLOOD


async def test_a_break_is_no_end(link: FastLink) -> None:
    stream = await link.open_unix("/break")
    await stream.write(b"x")
    with pytest.raises(LinkError, match="The other end closed"):
        await stream.read(100)
    with pytest.raises(LinkError):
        await stream.write(b"y")


async def test_what_was_said_before_the_guest_had_enough_stays_good(link: FastLink) -> None:
    stream = await link.open_unix("/enough")
    assert await read_all(stream) == b"enough"
    with pytest.raises(LinkError):
        await stream.write(b"more")
    await stream.write_eof()
    await stream.close()
    assert link.streams == 0


async def test_closing_early_tells_the_guest(link: FastLink, agent: Agent) -> None:
    stream = await link.open_unix("/flood")
    await stream.read(1000)
    await stream.close()
    await stream.close()
    await eventually(lambda: len(agent.resets) == 1)
    for _ in range(3):  # what was under way when it was closed does not count for later streams
        assert await echoed(link, bytes(WINDOW)) == bytes(WINDOW)


async def test_addresses(link: FastLink, agent: Agent) -> None:
    await link.open_tcp("10.0.0.1", 80)
    await link.open_tcp("fd00::1", 443)
    await link.open_udp("fd00::1", 53)
    await link.open_accept("/run/s")
    masque = "/.well-known/masque/udp/fd00%3A%3A1/53/"
    assert set(agent.heard) == {"10.0.0.1:80", "[fd00::1]:443", masque, "/run/s"}


async def test_bytes_of_an_earlier_connection_are_nobodys(tmp_path: Path) -> None:
    junk = b"\x00\x00\x09DATA\nslipway-link 0000\nhalf a frame"
    async with linked(tmp_path / "l.sock", Agent(junk)) as (link, control):
        assert control.commands == ["link"]
        assert await echoed(link, b"mine") == b"mine"


async def test_no_agent(tmp_path: Path) -> None:
    agent = Agent()
    agent.deaf = True
    server = await asyncio.start_unix_server(agent.serve, tmp_path / "l.sock")
    control = StandInControl()
    with pytest.raises(LinkError, match="does not answer"):
        await FastLink.connect(host(), tmp_path / "l.sock", control, 0.2)
    control.refuse = True
    with pytest.raises(LinkError, match="does not answer") as caught:
        await FastLink.connect(host(), tmp_path / "l.sock", control, 5)
    await eventually(lambda: agent.connections == 2)
    assert "does not run" in caught.value.detail
    with pytest.raises(LinkError, match="does not answer"):
        await FastLink.connect(host(), tmp_path / "none.sock", control, 5)
    assert control.followers == []
    server.close()
    await agent.close()


@pytest.mark.parametrize("how", ["port closed", "agent restarted", "nonsense", "closed by us"])
async def test_the_end_of_the_link_cuts_every_stream(tmp_path: Path, how: str) -> None:
    agent = Agent()
    async with linked(tmp_path / "l.sock", agent) as (link, control):
        streams = [await link.open_unix(path) for path in ("/echo", "/stall", "/flood")]
        reading = asyncio.create_task(streams[0].read(10))
        writing = asyncio.create_task(streams[1].write(bytes(4 * WINDOW)))
        await link.ping(5)
        assert agent.writer is not None
        if how == "port closed":
            agent.writer.close()
        elif how == "agent restarted":
            for follower in list(control.followers):
                follower(GuestStage("agent", 99.0))
        elif how == "nonsense":
            agent.writer.write(bytes(9))  # DATA for the connection itself, which may not be
        else:
            await link.close()
        async with asyncio.timeout(5):
            await link.closed.wait()
        for task in (reading, writing):
            with pytest.raises(LinkError):
                await task
        with pytest.raises(LinkError):
            await link.open_unix("/echo")
        with pytest.raises(LinkError):
            await link.ping(1)
        assert link.streams == 0
        assert control.followers == []


async def test_all_who_wait_for_a_lost_link_get_an_error_of_their_own(tmp_path: Path) -> None:
    """One that is raised again and again would keep the tracebacks of all of them."""
    agent = Agent()
    async with linked(tmp_path / "l.sock", agent) as (link, _control):
        streams = [await link.open_unix("/echo") for _ in range(3)]
        reading = [asyncio.create_task(stream.read(1)) for stream in streams]
        await asyncio.sleep(0)
        await link.close()
        errors = await asyncio.gather(*reading, return_exceptions=True)
        assert len({id(error) for error in [*errors, link.failure]}) == 4
        assert {str(error) for error in errors} == {str(link.failure)}


async def test_a_ping_that_is_not_answered(tmp_path: Path) -> None:
    agent = Agent()
    async with linked(tmp_path / "l.sock", agent) as (link, _control):
        await link.ping(5)
        agent.awake.clear()
        with pytest.raises(LinkError, match=r"has not answered for 0\.2 seconds"):
            await link.ping(0.2)
        agent.awake.set()


async def test_many_streams_at_once_keep_their_own_bytes(link: FastLink) -> None:
    async def one(number: int) -> bool:
        data = bytes([number]) * (100_000 + number)
        return await echoed(link, data) == data

    assert all(await asyncio.gather(*(one(number) for number in range(100))))
    assert link.streams == 0


async def test_commands_of_several_lines() -> None:
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", one_line("echo 'a \\ b'\necho \"c\""), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert output == b"a \\ b\nc\n"
