"""The relay: bytes both ways between a client and the guest, each direction ending by itself.

It knows nothing of HTTP: upgrades, hijacked streams, HTTP/2 and anything to come pass as they are. What is checked
on the way is the business of a stream around the client (admission/filter.py). Its memory is bounded by the two
streams' own buffers and what is read ahead of the client (read_ahead.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from engine.endpoint.read_ahead import Budget, ReadAhead
from vm.errors import LinkError
from vm.guest.stream import Stream

PIECE = 256 * 1024
"""Bytes moved at once."""

LOOK_SECONDS = 10.0
"""Between looks whether a client that has ended its direction is still there."""


class ClientStream(Stream, Protocol):
    """The client's side: a stream whose errors are ``ConnectionError``, which can tell how its client has left."""

    def hung_up(self) -> bool:
        """Whether the client has closed both directions, which the end of one does not say."""
        ...

    def abort(self) -> None:
        """Drop the connection and what has not gone out yet."""
        ...

    def reset(self) -> None:
        """Drop the connection so that it does not look like a clean end, where there is a difference."""
        ...


def uncounted(size: int) -> None:
    """For :func:`relay`, when nothing counts the bytes."""


async def relay(
    client: ClientStream,
    guest: Stream,
    sent: Callable[[int], None] = uncounted,
    received: Callable[[int], None] = uncounted,
    budget: Budget | None = None,
) -> None:
    """Carry bytes until both directions have ended or one of them has failed; closes both streams.

    A client that leaves early is no error. An error that is not foreseen ends both directions and is raised.

    :param sent: called with the size of each piece that has gone to the guest
    :param received: called with the size of each piece that has gone to the client
    :param budget: for what is read ahead of a slow client; None: nothing beyond a little of its own
    :raise LinkError: the guest's side was cut while the client still expected an answer
    """
    try:
        await _carry(client, guest, sent, received, budget or Budget(0))
        await client.close()
    except ConnectionError:
        client.abort()  # the client is gone: no one is left to read
    except LinkError:
        client.reset()
        raise
    except BaseException:
        client.abort()
        raise
    finally:
        await guest.close()


async def _carry(
    client: ClientStream,
    guest: Stream,
    sent: Callable[[int], None],
    received: Callable[[int], None],
    budget: Budget,
) -> None:
    """Both directions; the first failure cancels the other one and is raised."""
    try:
        async with asyncio.TaskGroup() as directions:
            up = directions.create_task(_up(client, guest, sent))
            watch = directions.create_task(_watch(client, up))
            await _down(client, guest, received, budget)
            await up
            watch.cancel()
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None


async def _up(client: ClientStream, guest: Stream, sent: Callable[[int], None]) -> None:
    """Client to guest."""
    try:
        while data := await client.read(PIECE):
            await guest.write(data)
            sent(len(data))
        await guest.write_eof()
    except LinkError:
        return  # the guest reads no more; what it has said may still be on its way to the client
    if client.hung_up():
        raise ConnectionResetError("the client has closed its socket")


async def _watch(client: ClientStream, up: asyncio.Task[None]) -> None:
    """Once the client has ended its direction nothing reads from it, and it can leave unseen: look now and then.

    :raise ConnectionResetError: it has left
    """
    await asyncio.wait({up})
    while not client.hung_up():
        await asyncio.sleep(LOOK_SECONDS)
    raise ConnectionResetError("the client has closed its socket")


async def _down(client: ClientStream, guest: Stream, received: Callable[[int], None], budget: Budget) -> None:
    """Guest to client, which may be slower."""
    ahead = ReadAhead(budget)
    reading = asyncio.create_task(_fetch(guest, ahead))
    reading.add_done_callback(lambda _: ahead.end())
    try:
        while data := await ahead.get():
            await client.write(data)
            received(len(data))
        await reading  # raises what has ended it
        await client.write_eof()
    finally:
        reading.cancel()
        try:
            await asyncio.gather(reading, return_exceptions=True)  # an error after the client's own is dropped
        finally:
            ahead.close()


async def _fetch(guest: Stream, ahead: ReadAhead) -> None:
    while data := await guest.read(PIECE):
        await ahead.put(data)
