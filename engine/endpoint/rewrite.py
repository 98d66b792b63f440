"""Looks at the few requests of a connection that matter before they go on to the engine; all others just pass.

Followed is only what the client sends, and only as far as it takes to find where each request ends. A request that
:data:`LOOKED_AT` matches is kept until its body is complete, judged, and then sent on, perhaps with another body,
or answered here. The first thing that is not plain HTTP/1.1 (an upgrade, a hijacked stream, HTTP/2, a request
before the answer to the last, nonsense) ends the following for good: from then on the relay only copies bytes.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import unquote

from engine.endpoint.framing import HEAD_END, Head, UnclearError, may_be_request
from engine.endpoint.local import LocalStream
from engine.endpoint.refusal import answer
from vm.errors import EngineError
from vm.guest.stream import Stream

PIECE = 256 * 1024
"""Bytes moved at once."""

HEAD_LIMIT = 64 * 1024
"""Bytes of a request's head; what is longer is not followed."""

BODY_LIMIT = 4 * 1024 * 1024
"""Bytes of a body that is kept to be judged; a larger one passes unseen."""

LOOKED_AT = re.compile(rb"POST (?:/v[0-9.]+)?/containers/(?:create|([^/ ?]+)/(?:re)?start)[? ]")


@dataclass(frozen=True)
class Request:
    """A request to create or to start a container.

    :ivar container: what is to be started, by its name or ID; empty when one is to be created.
    :ivar over: done when the engine answers, or when nobody waits for that any more.
    """

    body: bytes
    container: str
    over: asyncio.Future[None]


Change = Callable[[bytes], Awaitable[bytes]]
"""Gives the body to be sent instead of one that asks to create a container. Raises as a :data:`Judge` does."""

Judge = Callable[[Request], Awaitable[bytes]]
"""Gives the body that is to be sent, most often the same.

Raises :class:`~vm.errors.EngineError` when the request is to be refused (HTTP 400).
"""


class Requests:
    """Passes one connection's requests on."""

    def __init__(self, client: LocalStream, guest: Stream, sent: Callable[[int], None], judge: Judge) -> None:
        self._over: asyncio.Future[None] | None = None
        self._answered = True
        self._client = client
        self._guest = guest
        self._sent = sent
        self._judge = judge

    async def pass_on(self) -> None:
        """Until the client has ended, or until bytes are to be copied without looking at them.

        :raise ConnectionError: the client is gone.
        :raise LinkError: the guest's side was cut.
        """
        data = b""
        try:
            while data or (data := await self._client.read(PIECE)):
                data = await self._request(data)
        except _Copy as copy:
            await self._send(copy.unsent)

    def answer_begins(self) -> None:
        """Something has come back from the engine, or nothing ever will."""
        self._answered = True
        if self._over is not None:
            self._over.set_result(None)
            self._over = None

    async def _request(self, data: bytes) -> bytes:
        """One request, which begins with ``data``. Returns what has come of the next one."""
        while (end := HEAD_END.search(data)) is None:
            if not may_be_request(data) or len(data) > HEAD_LIMIT:
                raise _Copy(data)
            more = await self._client.read(PIECE)
            if not more:
                raise _Copy(data)
            data += more
        try:
            head = Head.parse(data[: end.end()])
        except UnclearError:
            raise _Copy(data) from None
        if not self._answered or len(head.raw) > HEAD_LIMIT:
            raise _Copy(data)
        self._answered = False
        if (found := LOOKED_AT.match(data)) and not head.expects and (head.size or 0) <= BODY_LIMIT:
            return await self._kept(head, data, unquote((found[1] or b"").decode("latin-1")))
        body, place = head.body(), len(head.raw)
        while True:
            try:
                place = body.take(data, place)
            except UnclearError:
                raise _Copy(data) from None
            if body.done:
                await self._send(data[:place])
                return data[place:]
            await self._send(data)
            data, place = await self._client.read(PIECE), 0
            if not data:
                return b""

    async def _kept(self, head: Head, data: bytes, container: str) -> bytes:
        """A request that is judged when it is complete."""
        body, place = head.body(), len(head.raw)
        kept = bytearray()
        while True:
            try:
                place = body.take(data, place, keep=True)
            except UnclearError:
                raise _Copy(bytes(kept) + data) from None
            kept += data[:place]
            if body.done:
                break
            data, place = await self._client.read(PIECE), 0
            if not data or len(kept) > BODY_LIMIT:
                raise _Copy(bytes(kept) + data)
        content = bytes(body.content)
        self._over = asyncio.get_running_loop().create_future()
        try:
            judged = await self._judge(Request(content, container, self._over))
        except EngineError as refusal:
            self._client.say(answer(400, refusal, close=False))
            self.answer_begins()
        else:
            await self._send(bytes(kept) if judged == content else head.with_body(judged))
        return data[place:]

    async def _send(self, data: bytes) -> None:
        if data:
            await self._guest.write(data)
            self._sent(len(data))


class _Copy(Exception):
    """From here on nothing is looked at. :ivar unsent: what has been read and not been sent on."""

    def __init__(self, unsent: bytes) -> None:
        super().__init__()
        self.unsent = unsent
