"""The control API's server: aiohttp on a local socket that only this user may open.

It is made from the calls (desktop/control/calls.py) and from what does them (handlers.py), and knows neither.
Every error is answered: a user error as it is, any other with its traceback in the log. A client that goes away
cancels its handler.
"""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import logging
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator
from contextlib import aclosing, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import web

from desktop.control.calls import CALLS, PROTOCOL, AnyCall, ControlApi, Declared, Route, Stream
from desktop.control.codec import DecodeError, decode, encode, load
from desktop.control.schema import CallerEnvironment, ErrorReport, Event, Hello
from desktop.control.schema.caller import HEADER, HEADER_BYTES
from engine.endpoint.listener import local_listener
from vm.errors import UserError

log = logging.getLogger(__name__)

VERSIONS_DIFFER = "Two versions of Slipway are running. Stop and start Slipway."


class RoutesIncomplete(Exception):
    """A call has no handler, or more than one."""


@asynccontextmanager
async def serve(
    routes: Iterable[Route], path: Path, notice: Callable[[CallerEnvironment], object] = lambda _: None
) -> AsyncIterator[Clients]:
    """Answer on the local socket ``path`` while the context lasts. The instance lock guards the path.

    The context's value knows whether there are clients.

    :param notice: called with the environment of each client, at each of its requests.
    :raise RoutesIncomplete: the routes are not one for each call.
    :raise UserError: the path cannot be listened at.
    """
    clients = Clients()
    runner = web.AppRunner(
        make_app(routes, clients, notice),
        handler_cancellation=True,
        access_log=None,
        shutdown_timeout=2,
        max_field_size=HEADER_BYTES,
    )
    await runner.setup()
    assert runner.server is not None
    listener = local_listener(path)
    try:
        await listener.start(runner.server)
        yield clients
    finally:
        await listener.close()
        await runner.cleanup()


class Clients:
    """Who is served, and since when nobody has been. Belongs to one event loop."""

    def __init__(self) -> None:
        self._served = 0
        self._last = time.monotonic()

    @property
    def absent_seconds(self) -> float:
        """How long nobody has been served; 0 while somebody is."""
        return 0.0 if self._served else time.monotonic() - self._last

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        """Count one while it is served."""
        self._served += 1
        try:
            yield
        finally:
            self._served -= 1
            self._last = time.monotonic()


def make_app(
    routes: Iterable[Route], clients: Clients, notice: Callable[[CallerEnvironment], object] = lambda _: None
) -> web.Application:
    """The application that answers every call.

    :param routes: one for each call but ``hello``.    :param notice: see :func:`serve`.
    :raise RoutesIncomplete: there are others.
    """
    complete = (*routes, ControlApi.hello.handled_by(_hello))
    require_complete(route.call for route in complete)

    @web.middleware
    async def count(request: web.Request, handler: Any) -> web.StreamResponse:
        with clients.one():
            response: web.StreamResponse = await handler(request)
            return response

    app = web.Application(middlewares=[count, _explain])
    for route in complete:
        app.router.add_route(route.call.method, f"/v{PROTOCOL}{route.call.path}", _Endpoint(route, notice).answer)
    return app


def require_complete(handled: Iterable[AnyCall]) -> None:
    """See that each call is handled once.

    :raise RoutesIncomplete: one is not.
    """
    given = list(handled)
    missing = [call for call in CALLS if call not in given]
    twice = {call for call in given if given.count(call) > 1}
    if missing or twice:
        raise RoutesIncomplete(f"calls without a handler: {missing}; with several: {sorted(twice, key=repr)}")


class _Endpoint:
    """Decodes one call's request, has it done, and encodes the reply."""

    def __init__(self, route: Route, notice: Callable[[CallerEnvironment], object]) -> None:
        self._call = route.call
        self._handler = route.handler
        self._for_caller = route.for_caller
        self._notice = notice

    async def answer(self, request: web.Request) -> web.StreamResponse:
        try:
            caller = _caller(request)
            fields = await _fields(self._call, request)
        except DecodeError as error:
            report = ErrorReport("BadRequest", f"{self._call} cannot be understood: {error}", VERSIONS_DIFFER)
            return _json(report, status=400)
        self._notice(caller)
        handler = partial(self._handler, caller) if self._for_caller else self._handler
        if isinstance(self._call, Stream):
            return await self._stream(request, handler(**fields))
        reply = handler(**fields)
        return _json(await reply if inspect.isawaitable(reply) else reply)

    async def _stream(self, request: web.Request, items: AsyncIterator[Any]) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        async with aclosing(self._lines(items)) as lines:
            with contextlib.suppress(ConnectionError):  # the client has gone: no one is left to answer
                async for line in lines:
                    await response.write(line + b"\n")
                await response.write_eof()
        return response

    async def _lines(self, items: AsyncIterator[Any]) -> AsyncGenerator[bytes]:
        try:
            async for item in items:
                yield encode(item)
        except UserError as error:
            yield encode(Event("error", error=ErrorReport.of(error)))
        except Exception as error:
            log.exception("%s failed unexpectedly", self._call)
            yield encode(Event("error", error=ErrorReport.unforeseen(str(self._call), error)))
        finally:
            await items.aclose()  # type: ignore[attr-defined]  # every handler of a stream is an async generator


def _caller(request: web.Request) -> CallerEnvironment:
    """The client's environment; this process's own where the client does not say.

    :raise DecodeError: it is none.
    """
    text = request.headers.get(HEADER)
    return CallerEnvironment.of(os.environ) if text is None else CallerEnvironment.from_header(text)


async def _fields(call: Declared[...], request: web.Request) -> dict[str, Any]:
    """The fields of a request.

    :raise DecodeError: they are not those of the call.
    """
    kind = call.request
    if call.method == "GET":
        value = load(kind, dict(request.query), text=True)
    else:
        value = decode(kind, await request.read() or b"{}")
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


@web.middleware
async def _explain(request: web.Request, handler: Any) -> web.StreamResponse:
    try:
        response: web.StreamResponse = await handler(request)
        return response
    except UserError as error:
        return _json(ErrorReport.of(error), status=409)
    except web.HTTPException as error:
        report = ErrorReport("BadRequest", f"{request.method} {request.path}: {error.reason}", VERSIONS_DIFFER)
        return _json(report, status=error.status)
    except Exception as error:
        log.exception("%s %s failed unexpectedly", request.method, request.path)
        return _json(ErrorReport.unforeseen(f"{request.method} {request.path}", error), status=500)


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(body=encode(value), status=status, content_type="application/json")


def _hello() -> Hello:
    return Hello(PROTOCOL, os.getpid())
