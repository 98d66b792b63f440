"""The stream around a client that checks its requests to create or start a container on their way to the engine.

The relay reads a client's bytes from it and writes the engine's to it, and knows nothing of requests. Only what
the client sends is followed, and only as far as it takes to find where each request ends. A request that
:data:`CHECKED` matches is kept until its body is complete; then it goes on as it came, or with another body, or is
answered here. The first thing that is not plain HTTP/1.1 (an upgrade, a hijacked stream, HTTP/2, a request before
the answer to the last, nonsense) ends this for good: from then on bytes just pass.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from urllib.parse import unquote

from engine.endpoint.admission.framing import HEAD_END, Body, Head, UnclearError, may_be_request
from engine.endpoint.admission.pipeline import Admission
from engine.endpoint.cutoff import cutoff
from engine.endpoint.local import LocalStream
from engine.endpoint.refusal import Refusal
from engine.endpoint.relay import PIECE
from vm.errors import UserError

log = logging.getLogger(__name__)

HEAD_LIMIT = 64 * 1024
"""Bytes of a request's head; a longer one is not followed."""

BODY_LIMIT = 4 * 1024 * 1024
"""Bytes of a body that is kept to be checked; a larger one passes unchecked."""

CHECK_SECONDS = 180.0
"""For one check. Steps have deadlines of their own; this one is for a step that has none."""

CHECKED = re.compile(rb"POST (?:/v[0-9.]+)?/containers/(?:create|([^/ ?]+)/(?:re)?start)[? ]")


class AdmittedStream:
    """A client's stream whose requests pass an :class:`~engine.endpoint.admission.pipeline.Admission`.

    An :class:`engine.endpoint.relay.ClientStream`. At most one task reads and one writes at a time.

    :param turn_away: returns the answer to such requests while the engine is to get none, such as when it is being
        stopped; connections outlive the moment at which the gate let them through
    """

    def __init__(
        self, client: LocalStream, admission: Admission, turn_away: Callable[[], Refusal | None] = lambda: None
    ) -> None:
        self._client = client
        self._admission = admission
        self._turn_away = turn_away
        self._following = True
        self._arrived = bytearray()  # from the client, not admitted yet
        self._admitted = b""  # for the engine
        self._body: Body | None = None  # of a request that passes
        self._answered = True
        self._over: asyncio.Future[None] | None = None  # of the start that was checked last

    async def read(self, limit: int) -> bytes:
        """Return up to ``limit`` bytes for the engine; ``b""`` once the client has ended its direction.

        :raise ConnectionError: the connection was lost
        """
        while self._following and not self._admitted:
            try:
                if self._body is None:
                    await self._take_request()
                else:
                    await self._take_body(self._body, limit)
            except UnclearError:
                self._following = False
                self._admitted = self._take(len(self._arrived))
        if not self._admitted:
            return await self._client.read(limit)
        piece, self._admitted = self._admitted[:limit], self._admitted[limit:]
        return piece

    async def write(self, data: bytes) -> None:
        """Send the engine's ``data`` to the client. :raise ConnectionError: the client is gone"""
        self._answer_begins()
        await self._client.write(data)

    async def write_eof(self) -> None:
        """End the engine's direction. Idempotent. :raise ConnectionError: the client is gone"""
        self._answer_begins()
        await self._client.write_eof()

    async def close(self) -> None:
        """Drop the connection once what was written has gone out. Idempotent, never raises."""
        self._answer_begins()
        await self._client.close()

    def abort(self) -> None:
        """Drop the connection and what has not gone out yet."""
        self._answer_begins()
        self._client.abort()

    def reset(self) -> None:
        """Drop the connection so that over TCP it does not look like a clean end."""
        self._answer_begins()
        self._client.reset()

    def hung_up(self) -> bool:
        """Whether the client has closed both directions."""
        return self._client.hung_up()

    # -- one request ----------------------------------------------------------------------------------------------

    async def _take_request(self) -> None:
        """Admit the next request, or the beginning of one that passes. :raise UnclearError: follow no longer."""
        head = await self._read_head()
        checked = CHECKED.match(head.raw)
        if checked is None or head.expects or (head.size or 0) > BODY_LIMIT:
            body = head.body()
            self._admitted = self._take(body.take(self._arrived, len(head.raw)))
            self._body = None if body.done else body
            return
        content, end = await self._read_body(head)
        raw = self._take(end)
        container = unquote((checked[1] or b"").decode("latin-1"))
        amended = await self._admit(container, content)
        if amended is not None:
            self._admitted = raw if amended == content else head.with_body(amended)

    async def _read_head(self) -> Head:
        """A request's head, which stays in what has arrived. :raise UnclearError: it cannot be followed."""
        while (end := HEAD_END.search(self._arrived)) is None:
            if self._arrived and (not may_be_request(self._arrived) or len(self._arrived) > HEAD_LIMIT):
                raise UnclearError
            await self._read_more()
        head = Head.parse(bytes(self._arrived[: end.end()]))
        if not self._answered or len(head.raw) > HEAD_LIMIT:
            raise UnclearError
        self._answered = False
        return head

    async def _read_body(self, head: Head) -> tuple[bytes, int]:
        """A body, decoded, and where it ends in what has arrived. :raise UnclearError: it has no end."""
        body, place = head.body(), len(head.raw)
        while True:
            place = body.take(self._arrived, place, keep=True)
            if body.done:
                return bytes(body.content), place
            if len(self._arrived) > len(head.raw) + BODY_LIMIT:
                raise UnclearError
            await self._read_more()

    async def _take_body(self, body: Body, limit: int) -> None:
        """Admit a piece of a body that passes, which may be a long upload. :raise UnclearError: it has no end."""
        data = await self._client.read(limit)
        if not data:
            raise UnclearError
        try:
            end = body.take(data, 0)
        except UnclearError:
            self._arrived += data
            raise
        self._admitted = data[:end]
        if body.done:
            self._arrived += data[end:]
            self._body = None

    async def _read_more(self) -> None:
        """:raise UnclearError: the client has ended its direction."""
        data = await self._client.read(PIECE)
        if not data:
            raise UnclearError
        self._arrived += data

    def _take(self, size: int) -> bytes:
        """So many of the bytes that have arrived."""
        taken = bytes(self._arrived[:size])
        del self._arrived[:size]
        return taken

    # -- checking -------------------------------------------------------------------------------------------------

    async def _admit(self, container: str, body: bytes) -> bytes | None:
        """The body that goes on to the engine; None: the request has been answered here.

        :raise ConnectionResetError: the client has left meanwhile
        """
        refusal = self._turn_away()
        if refusal is None:
            try:
                return await self._check(container, body)
            except Exception as error:
                if self._client.gone.done():
                    raise ConnectionResetError("the client left while its request was checked") from error
                if not isinstance(error, UserError):
                    log.exception("a request could not be checked")
                refusal = self._turn_away() or Refusal.of(error)
        self._client.say(refusal.encode(close=False))
        self._answer_begins()
        return None

    async def _check(self, container: str, body: bytes) -> bytes:
        async with cutoff(CHECK_SECONDS, self._client.gone):
            if not container:
                return await self._admission.create(body)
            self._over = asyncio.get_running_loop().create_future()
            await self._admission.start(container, self._over)
            return body

    def _answer_begins(self) -> None:
        """Something goes back to the client, or nothing ever will."""
        self._answered = True
        over, self._over = self._over, None
        if over is not None:
            over.set_result(None)
