"""The relay: bytes both ways between a client and the guest, each direction ending by itself.

It knows nothing of HTTP: upgrades, hijacked streams, HTTP/2 and anything to come pass as they are; what is
looked at before that, rewrite.py says. Its memory is bounded by the two streams' own buffers, since each pump
holds one piece and waits until it is taken.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from engine.endpoint.local import LocalStream
from engine.endpoint.rewrite import PIECE, Judge, Requests
from vm.errors import LinkError
from vm.guest.stream import Stream


async def relay(
    client: LocalStream,
    guest: Stream,
    sent: Callable[[int], None],
    received: Callable[[int], None],
    judge: Judge | None = None,
) -> None:
    """Carry bytes until both directions have ended or one side is gone; closes both.

    :param sent: told the size of each piece that has gone to the guest
    :param received: told the size of each piece that has gone to the client
    :param judge: what looks at the requests of rewrite.py; None: nothing does
    :raise LinkError: the guest's side was cut while the client still expected an answer
    """
    requests = Requests(client, guest, sent, judge) if judge is not None else None
    up = asyncio.create_task(_up(client, guest, sent, requests))
    try:
        await _down(client, guest, received, requests)
        await up
        await client.close()
    except ConnectionError:
        client.abort()  # the client is gone: nobody is left to read
    except LinkError:
        client.reset()  # not a clean end, so it must not look like one
        if not _client_left(up):
            raise
    finally:
        await guest.close()
        if not up.done():
            up.cancel()
            await asyncio.wait([up])
        if requests is not None:
            requests.answer_begins()
        if not up.cancelled():
            up.exception()  # looked at, so that nobody reports it as forgotten


def uncounted(size: int) -> None:
    """For :func:`relay`, where nobody counts."""


def _client_left(up: asyncio.Task[None]) -> bool:
    """The guest's side was cut by us, because the client had gone."""
    return up.done() and not up.cancelled() and isinstance(up.exception(), ConnectionError)


async def _up(client: LocalStream, guest: Stream, sent: Callable[[int], None], requests: Requests | None) -> None:
    """Client to guest."""
    try:
        if requests is not None:
            await requests.pass_on()
        while data := await client.read(PIECE):
            await guest.write(data)
            sent(len(data))
        await guest.write_eof()
    except ConnectionError:
        await guest.close()  # which ends the other direction as well
        raise
    except LinkError:
        return  # the guest reads no more; what it has said may still be on its way to the client
    if client.hung_up():
        await guest.close()
        raise ConnectionResetError("the client has closed its socket")


async def _down(
    client: LocalStream, guest: Stream, received: Callable[[int], None], requests: Requests | None
) -> None:
    """Guest to client."""
    while data := await guest.read(PIECE):
        if requests is not None:
            requests.answer_begins()
        await client.write(data)
        received(len(data))
    await client.write_eof()
