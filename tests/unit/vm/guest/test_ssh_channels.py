"""The channel state machine alone, fed with hand-made messages: what a well-behaved server never sends."""

from __future__ import annotations

import asyncio
import struct

import pytest

from vm.errors import LinkError
from vm.guest import ssh_stream as ssh
from vm.guest.ssh_stream import Channel, Channels, text

pytestmark = pytest.mark.both_loops


class Wire:
    """Records what would be sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def submit(self, payload: bytes) -> None:
        self.sent.append(payload)

    async def room(self) -> None:
        return

    def kinds(self) -> list[int]:
        return [payload[0] for payload in self.sent]


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
async def channels(wire: Wire) -> Channels:
    return Channels(wire)


def message(number: int, *integers: int) -> bytes:
    return struct.pack(f">{1 + len(integers)}I", number, *integers)


async def opened(channels: Channels, window: int = 1000, packet: int = 100) -> Channel:
    opening = asyncio.create_task(channels.open("session"))
    await asyncio.sleep(0)
    number = len(channels) - 1  # they are numbered from 0, and none has gone
    channels.dispatch(ssh.OPEN_CONFIRMATION, message(number, 70 + number, window, packet))
    return await opening


def data(number: int, content: bytes) -> bytes:
    return message(number) + text(content)


async def test_open_names_kind_window_and_packet(wire: Wire, channels: Channels) -> None:
    await opened(channels)
    assert wire.sent == [b"\x5a" + text("session") + struct.pack(">III", 0, ssh.WINDOW, ssh.PACKET)]


async def test_writes_are_cut_to_the_peers_packet_and_window(wire: Wire, channels: Channels) -> None:
    channel = await opened(channels, window=250, packet=100)
    writing = asyncio.create_task(channel.write(b"x" * 300))
    await asyncio.sleep(0)
    assert [len(sent) - 9 for sent in wire.sent[1:]] == [100, 100, 50]
    assert not writing.done()
    channels.dispatch(ssh.WINDOW_ADJUST, message(channel.local, 20))
    await asyncio.sleep(0)
    assert not writing.done()
    channels.dispatch(ssh.WINDOW_ADJUST, message(channel.local, 1000))
    await writing
    assert [len(sent) - 9 for sent in wire.sent[1:]] == [100, 100, 50, 20, 30]


async def test_eof_then_close_is_a_clean_end(wire: Wire, channels: Channels) -> None:
    channel = await opened(channels)
    channels.dispatch(ssh.CHANNEL_DATA, data(channel.local, b"last"))
    channels.dispatch(ssh.CHANNEL_EOF, message(channel.local))
    channels.dispatch(ssh.CHANNEL_CLOSE, message(channel.local))
    assert await channel.read(100) == b"last"
    assert await channel.read(100) == b""
    assert await channel.read(100) == b""
    assert len(channels) == 0
    assert wire.kinds() == [ssh.CHANNEL_OPEN, ssh.CHANNEL_CLOSE]
    with pytest.raises(LinkError):
        await channel.write(b"x")


async def test_close_without_eof_is_a_cut(channels: Channels) -> None:
    channel = await opened(channels)
    channels.dispatch(ssh.CHANNEL_DATA, data(channel.local, b"last"))
    channels.dispatch(ssh.CHANNEL_CLOSE, message(channel.local))
    assert await channel.read(100) == b"last"
    with pytest.raises(LinkError, match="cut the stream"):
        await channel.read(100)


async def test_the_number_stays_taken_until_both_have_closed(wire: Wire, channels: Channels) -> None:
    channel = await opened(channels)
    await channel.close()
    assert len(channels) == 1
    channels.dispatch(ssh.CHANNEL_DATA, data(channel.local, b"late"))
    channels.dispatch(ssh.WINDOW_ADJUST, message(channel.local, 5))
    channels.dispatch(ssh.CHANNEL_EOF, message(channel.local))
    channels.dispatch(ssh.CHANNEL_CLOSE, message(channel.local))
    assert len(channels) == 0
    assert wire.kinds() == [ssh.CHANNEL_OPEN, ssh.CHANNEL_CLOSE]


async def test_the_window_is_given_back_in_large_pieces(wire: Wire, channels: Channels) -> None:
    channel = await opened(channels)
    piece = bytes(ssh.WINDOW // 8)
    for _ in range(6):
        channels.dispatch(ssh.CHANNEL_DATA, data(channel.local, piece))
        assert len(await channel.read(ssh.WINDOW)) == len(piece)
    adjusts = [sent for sent in wire.sent if sent[0] == ssh.WINDOW_ADJUST]
    assert [struct.unpack(">BII", sent)[2] for sent in adjusts] == [ssh.WINDOW // 4] * 3


async def test_a_peer_beyond_its_window_is_an_error(channels: Channels) -> None:
    channel = await opened(channels)
    channels.dispatch(ssh.CHANNEL_DATA, data(channel.local, bytes(ssh.WINDOW)))
    with pytest.raises(LinkError, match="more than it was allowed"):
        channels.dispatch(ssh.CHANNEL_DATA, data(channel.local, b"x"))


async def test_an_unknown_number_is_an_error(channels: Channels) -> None:
    with pytest.raises(LinkError, match="unknown stream"):
        channels.dispatch(ssh.CHANNEL_DATA, data(5, b"x"))


@pytest.mark.parametrize("payload", [b"", b"\0", message(0), message(0, 100), message(0, 0xFFFFFFFF) + b"xyz"])
async def test_malformed_messages_are_errors_not_crashes(channels: Channels, payload: bytes) -> None:
    await opened(channels)
    with pytest.raises(LinkError):
        channels.dispatch(ssh.CHANNEL_DATA, payload)


async def test_the_server_may_not_open_streams(wire: Wire, channels: Channels) -> None:
    channels.dispatch(ssh.CHANNEL_OPEN, text("forwarded-tcpip") + message(9, 1000, 1000))
    assert wire.kinds() == [ssh.OPEN_FAILURE]
    assert struct.unpack_from(">II", wire.sent[0], 1) == (9, ssh.ADMINISTRATIVELY_PROHIBITED)


async def test_the_servers_requests_are_declined(wire: Wire, channels: Channels) -> None:
    channel = await opened(channels)
    channels.dispatch(ssh.GLOBAL_REQUEST, text("hostkeys-00@openssh.com") + b"\0")
    channels.dispatch(ssh.GLOBAL_REQUEST, text("keepalive@openssh.com") + b"\1")
    channels.dispatch(ssh.CHANNEL_REQUEST, message(channel.local) + text("keepalive@openssh.com") + b"\1")
    assert wire.kinds()[1:] == [ssh.REQUEST_FAILURE, ssh.CHANNEL_FAILURE]


async def test_pings_are_answered_in_order(channels: Channels) -> None:
    first, second = asyncio.create_task(channels.ping()), asyncio.create_task(channels.ping())
    await asyncio.sleep(0)
    channels.dispatch(ssh.REQUEST_FAILURE, b"")
    await first
    assert not second.done()
    channels.dispatch(ssh.REQUEST_SUCCESS, b"")
    await second
    channels.dispatch(ssh.REQUEST_SUCCESS, b"")  # no request is open: ignored


async def test_a_cancelled_opening_is_closed_when_confirmed(wire: Wire, channels: Channels) -> None:
    opening = asyncio.create_task(channels.open("session"))
    await asyncio.sleep(0)
    opening.cancel()
    await asyncio.gather(opening, return_exceptions=True)
    channels.dispatch(ssh.OPEN_CONFIRMATION, message(0, 70, 1000, 100))
    assert wire.kinds() == [ssh.CHANNEL_OPEN, ssh.CHANNEL_CLOSE]
    channels.dispatch(ssh.CHANNEL_CLOSE, message(0))
    assert len(channels) == 0


async def test_an_opening_that_is_cancelled_just_after_its_confirmation_is_closed(
    wire: Wire, channels: Channels
) -> None:
    """The opener has not run yet, so it never gets the channel."""
    opening = asyncio.create_task(channels.open("session"))
    await asyncio.sleep(0)
    channels.dispatch(ssh.OPEN_CONFIRMATION, message(0, 70, 1000, 100))
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert wire.kinds() == [ssh.CHANNEL_OPEN, ssh.CHANNEL_CLOSE]


async def test_a_refused_opening_tells_why(channels: Channels) -> None:
    opening = asyncio.create_task(channels.open("session"))
    await asyncio.sleep(0)
    channels.dispatch(ssh.OPEN_FAILURE, message(0, 2) + text("open failed") + text(""))
    with pytest.raises(LinkError) as caught:
        await opening
    assert caught.value.detail == "reason 2: open failed"
    assert len(channels) == 0


async def test_a_lost_link_ends_what_waits(channels: Channels) -> None:
    channel = await opened(channels, window=0)
    opening = asyncio.create_task(channels.open("session"))
    waits = [
        opening,
        asyncio.create_task(channel.read(1)),
        asyncio.create_task(channel.write(b"x")),
        asyncio.create_task(channels.ping()),
    ]
    await asyncio.sleep(0)
    reason = LinkError("gone")
    channels.lose(reason)
    errors = await asyncio.gather(*waits, return_exceptions=True)
    assert [(type(error), str(error)) for error in errors] == [(LinkError, "gone")] * 4
    assert len({id(error) for error in [reason, *errors]}) == 5, "one exception was raised in several places"
    with pytest.raises(LinkError, match="gone"):
        await channels.open("session")


async def test_a_lost_link_after_the_peers_eof_is_a_clean_end(channels: Channels) -> None:
    channel = await opened(channels)
    channels.dispatch(ssh.CHANNEL_DATA, data(channel.local, b"all of it"))
    channels.dispatch(ssh.CHANNEL_EOF, message(channel.local))
    channels.lose(LinkError("gone"))
    assert await channel.read(100) == b"all of it"
    assert await channel.read(100) == b""
