"""The stream around a client that checks its requests to create or start something on their way to the engine.

The relay reads a client's bytes from it and writes the engine's to it, and knows nothing of requests. Each request
is followed to its end, and the next one is looked at when it has been answered, so that what is checked is what
the engine will do. One that :func:`~engine.endpoint.admission.requests.checked` names is kept until its body is
complete; then it goes on with the body that was understood, or is answered here. Of a copy of files only the head
is kept, until the container has been checked. The others pass as they come. A request that cannot be understood in
one way only is refused. Once the engine has upgraded a connection, or begun an answer without an end, there are no
more requests on it: bytes just pass. After an answer whose end is not clear, nothing more of the client's passes,
since the engine might take it for a request.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

from engine.endpoint.admission.framing import HEAD_END, Answer, Body, Head, UnclearError, may_be_request
from engine.endpoint.admission.pipeline import Admission
from engine.endpoint.admission.pulls import Advise, PullAnswer, pull
from engine.endpoint.admission.requests import Checked, checked
from engine.endpoint.cutoff import cutoff
from engine.endpoint.local import LocalStream
from engine.endpoint.refusal import Refusal, drain
from engine.endpoint.relay import PIECE
from vm.errors import EngineError, UserError

log = logging.getLogger(__name__)

HEAD_LIMIT = 1024 * 1024
"""Bytes of a request's head; dockerd takes no more either (Go, DefaultMaxHeaderBytes)."""

BODY_LIMIT = 16 * 1024 * 1024
"""Bytes of a body that is checked; no container, volume or service needs nearly as much."""

CHECK_SECONDS = 180.0
"""For one check. Steps have deadlines of their own; this one is for a step that has none."""

GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"


class AdmittedStream:
    """A client's stream whose requests pass an :class:`~engine.endpoint.admission.pipeline.Admission`.

    An :class:`engine.endpoint.relay.ClientStream`. At most one task reads and one writes at a time.

    :param turn_away: returns the answer to such requests while the engine is to get none, such as when it is being
        stopped; connections outlive the moment at which the gate let them through
    :param advise: what to do about a pull that failed; None: nothing is added to the engine's words
    """

    def __init__(
        self,
        client: LocalStream,
        admission: Admission,
        turn_away: Callable[[], Refusal | None] = lambda: None,
        advise: Advise | None = None,
    ) -> None:
        self._client = client
        self._admission = admission
        self._turn_away = turn_away
        self._advise = advise
        self._arrived = bytearray()  # from the client, not admitted yet
        self._ended = False  # the client's direction, of which all that counts has arrived
        self._admitted = b""  # for the engine
        self._body: Body | None = None  # of a request that passes
        self._answer: Answer | None = None  # to the last request
        self._pulled: PullAnswer | None = None  # where the last request is a pull
        self._answered = asyncio.Event()  # it is complete, or no more requests follow
        self._silent = False  # the engine has got a request, and nothing has come back since
        self._over: asyncio.Future[None] | None = None  # of the request that was checked last

    async def read(self, limit: int) -> bytes:
        """Return up to ``limit`` bytes for the engine; ``b""`` once the client has ended its direction.

        :raise ConnectionError: the connection was lost
        """
        while not self._admitted:
            if self._answer is not None and self._answer.endless:
                return await self._pass_on(limit)
            if self._answer is not None and self._answer.unclear and self._body is None and not self._ended:
                await self._end_requests()
            if self._ended and not self._arrived:
                return b""
            try:
                await self._follow(limit)
            except UnclearError as error:
                await self._end_unclear(error)
        piece, self._admitted = self._admitted[:limit], self._admitted[limit:]
        return piece

    async def write(self, data: bytes) -> None:
        """Send the engine's ``data`` to the client. :raise ConnectionError: the client is gone"""
        passed = data if self._pulled is None else await self._pulled.take(data)
        self._follow_answer(data, silent=not passed)
        if passed:
            await self._client.write(passed)

    async def write_eof(self) -> None:
        """End the engine's direction. Idempotent. :raise ConnectionError: the client is gone"""
        if self.unanswered:
            self.say(self._no_answer())
        elif self._pulled is not None and (rest := self._pulled.rest()):
            await self._client.write(rest)
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

    def say(self, data: bytes) -> None:
        """Answer in the engine's place. :raise ConnectionError: the client is gone"""
        self._answer_begins()
        self._client.say(data)

    def reset(self) -> None:
        """Drop the connection so that over TCP it does not look like a clean end.

        A client that waits for an answer gets an error instead, since none comes.
        """
        if self.unanswered:
            with contextlib.suppress(ConnectionError):
                self.say(self._no_answer())
                self._client.end_soon()
                return
        self._answer_begins()
        self._client.reset()

    def hung_up(self) -> bool:
        """Whether the client has closed both directions."""
        return self._client.hung_up()

    @property
    def unanswered(self) -> bool:
        """Whether a request has gone to the engine, and nothing of its answer has come back."""
        return self._silent and self._body is None

    # -- one request ----------------------------------------------------------------------------------------------

    async def _follow(self, limit: int) -> None:
        """Take what comes next of the client's. :raise UnclearError: it cannot be understood."""
        if self._body is not None:
            await self._take_body(self._body, limit)
        elif not self._arrived:
            await self._read_more()
        elif self._answer is not None and not self._answer.over:
            await self._await_answer()
        else:
            await self._take_request()

    async def _pass_on(self, limit: int) -> bytes:
        if self._arrived:
            return self._take(limit)
        return b"" if self._ended else await self._client.read(limit)

    async def _await_answer(self) -> None:
        """Wait until the last request is answered: the next one has come before that.

        :raise ConnectionResetError: the client has left
        """
        waiting = asyncio.ensure_future(self._answered.wait())
        try:
            await asyncio.wait((waiting, self._client.gone), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if not self._answered.is_set():
            raise ConnectionResetError("the client left before it was answered")

    async def _take_request(self) -> None:
        """Admit the next request, or the beginning of one that passes. :raise UnclearError: it is none."""
        head = await self._read_head()
        request = checked(head)
        self._answer, self._over = Answer(head.method), None
        wanted = pull(head)
        self._pulled = PullAnswer(wanted, self._advise) if wanted and self._advise else None
        self._answered.clear()
        if request is None or request.streams:
            await self._take_stream(head, request)
            return
        content, end = await self._read_body(head)
        self._take(end)
        admitted = await self._admit(request, content, head, close=head.last)
        if admitted is not None:
            self._admitted = head.with_body(admitted)
            self._silent = True

    async def _take_stream(self, head: Head, request: Checked | None) -> None:
        """Admit the beginning of a request whose body passes. :param request: what to check first"""
        body = head.body()
        close = head.last or not body.done
        if request is not None and await self._admit(request, b"", head, close=close) is None:
            if body.done:
                self._take(len(head.raw))
            else:
                await self._end_requests()  # its body may be on its way, or not be sent any more
            return
        self._admitted = self._take(body.take(self._arrived, len(head.raw)))
        self._body = None if body.done else body
        self._silent = True

    async def _read_head(self) -> Head:
        """A request's head, which stays in what has arrived. :raise UnclearError: it is none."""
        while (end := HEAD_END.search(self._arrived)) is None:
            if not may_be_request(self._arrived):
                raise UnclearError("it is not HTTP/1.1")
            if len(self._arrived) > HEAD_LIMIT:
                raise UnclearError("its headers are too large")
            await self._read_more(complete=False)
        return Head.parse(bytes(self._arrived[: end.end()]))

    async def _read_body(self, head: Head) -> tuple[bytes, int]:
        """A body, decoded, and where it ends in what has arrived. :raise UnclearError: it has no end."""
        body, place = head.body(), len(head.raw)
        if head.expects and not body.done:
            self._client.say(GO_ON)
        while True:
            place = body.take(self._arrived, place, keep=True)
            if max(place - len(head.raw), head.size or 0) > BODY_LIMIT:
                raise UnclearError(f"it is larger than {BODY_LIMIT >> 20} MiB")
            if body.done:
                return bytes(body.content), place
            await self._read_more(complete=False)

    async def _take_body(self, body: Body, limit: int) -> None:
        """Admit a piece of a body that passes, which may be a long upload. :raise UnclearError: it has no end."""
        if not self._arrived:
            await self._read_more(limit)
        end = body.take(self._arrived, 0)
        self._admitted = self._take(end)
        if body.done:
            self._body = None

    async def _read_more(self, limit: int = PIECE, *, complete: bool = True) -> None:
        """:param complete: the client may end its direction here; else what has come is dropped."""
        data = await self._client.read(limit)
        self._arrived += data
        if not data:
            self._ended = True
            if not complete:
                self._arrived.clear()
                raise _IncompleteError

    def _take(self, size: int) -> bytes:
        """So many of the bytes that have arrived."""
        taken = bytes(self._arrived[:size])
        del self._arrived[:size]
        return taken

    async def _end_unclear(self, error: UnclearError) -> None:
        """Refuse a request; where the next one begins is not known."""
        if isinstance(error, _IncompleteError):
            self._arrived.clear()
            self._ended = True
            return
        if self._body is None:
            refusal = Refusal(400, EngineError(f"Slipway does not understand this request: {error}"))
            with contextlib.suppress(ConnectionError):
                self._client.say(refusal.encode(close=True))
        await self._end_requests()

    async def _end_requests(self) -> None:
        """Take no more requests; the engine's answers still go back."""
        self._arrived.clear()
        self._ended = True
        await drain(self._client)

    # -- checking -------------------------------------------------------------------------------------------------

    async def _admit(self, request: Checked, body: bytes, head: Head, *, close: bool) -> bytes | None:
        """The body that goes on to the engine; None: the request has been answered here.

        :param close: an answer ends the connection
        :raise ConnectionResetError: the client has left meanwhile
        """
        refusal = self._turn_away()
        if refusal is None:
            try:
                async with cutoff(CHECK_SECONDS, self._client.gone):
                    self._over = asyncio.get_running_loop().create_future()
                    return await self._admission.admit(request, body, self._over)
            except Exception as error:
                if self._client.gone.done():
                    raise ConnectionResetError("the client left while its request was checked") from error
                if not isinstance(error, UserError):
                    log.exception("a request could not be checked")
                refusal = self._turn_away() or Refusal.of(error)
        self._client.say(refusal.encode(with_body=head.method != b"HEAD", close=close))
        self._answer = None
        self._answer_begins()
        if close:
            self._ended = True
            self._arrived.clear()
        return None

    def _follow_answer(self, data: bytes, *, silent: bool) -> None:
        """:param silent: nothing of ``data`` goes to the client yet"""
        self._silent = self._silent and silent
        if self._answer is not None:
            self._answer.take(data)
            if self._answer.begun:
                self._settle()
            if self._answer.settled:
                self._answered.set()

    def _answer_begins(self) -> None:
        """Something goes back to the client, or nothing ever will."""
        self._silent = False
        self._settle()
        self._answered.set()

    def _no_answer(self) -> bytes:
        """The answer to a request that the engine has ended the connection on."""
        error = EngineError("The engine has ended the connection before it answered", "Try again: slipway status")
        head = self._answer is not None and self._answer.to_head
        return Refusal(502, error).encode(with_body=not head, close=True)

    def _settle(self) -> None:
        over, self._over = self._over, None
        if over is not None and not over.done():
            over.set_result(None)


class _IncompleteError(UnclearError):
    """The client has ended its direction in the middle of a request."""
