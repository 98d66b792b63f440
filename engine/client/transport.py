"""HTTP to the engine: one place that dials, negotiates the API version, and turns failures into our errors.

httpx does plain calls and streams. Calls that take the connection over (attach, exec: Docker's “hijack”) go over a
connection of their own, because there the end of input has to be sent while output goes on, which httpx cannot.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import h11
import httpx

from engine.cancellation import CancelSafeTransport
from engine.client.errors import EngineUnreachable, StreamBroken, api_error, wrong_platform
from engine.client.local_http import local_transport
from engine.client.socket_stream import SocketStream
from engine.client.streams import CHUNK, Duplex
from vm.errors import EngineError, LinkError, UserError
from vm.guest.stream import Stream
from vm.host import host

API_VERSION = (1, 51)
"""The newest API version this client knows."""

OLDEST_API_VERSION = (1, 44)
"""The oldest one it works with (Moby 25)."""

CONNECT_SECONDS = 10.0
REPLY_SECONDS = 180.0
"""For an answer to begin: longer than the socket lets connections wait while the machine boots."""

AGENT = "Slipway"

Params = Mapping[str, Any]
Body = bytes | AsyncIterable[bytes]


class Dialler(Protocol):
    """A way to the engine.

    :ivar hint: what to do when nothing answers there; may be empty.
    """

    hint: str

    def http(self) -> httpx.AsyncBaseTransport:
        """For calls."""

    async def open(self) -> Stream:
        """For one connection that is taken over.

        :raise OSError: nothing answers.    :raise UserError: nothing answers, and there is more to say about it.
        """


class SocketDialler:
    """A local socket, by default the endpoint's; on Windows, a pipe.

    :param of_anyone: it may belong to another user, as a socket of the system's own engine does.
    """

    def __init__(self, path: Path, hint: str = "Start it: slipway start", *, of_anyone: bool = False) -> None:
        self._path = path
        self._of_anyone = of_anyone
        self.hint = hint

    def http(self) -> httpx.AsyncBaseTransport:
        return local_transport(self._path, of_anyone=self._of_anyone)

    async def open(self) -> Stream:
        return SocketStream(*await host().connect(self._path, of_anyone=self._of_anyone))


def query(**values: Any) -> dict[str, str]:
    """Query parameters as the API wants them: None left out, booleans as 1 and 0, mappings and lists as JSON."""
    made = {}
    for name, value in values.items():
        if value is None:
            continue
        if isinstance(value, bool):
            made[name] = "1" if value else "0"
        elif isinstance(value, Mapping | list | tuple):
            made[name] = json.dumps(value)
        else:
            made[name] = str(value)
    return made


class Transport:
    """Calls to one engine."""

    def __init__(self, dialler: Dialler, timeout: float = REPLY_SECONDS) -> None:
        self._dialler = dialler
        self._times = httpx.Timeout(timeout, connect=CONNECT_SECONDS)
        # dockerd would gzip archives, which costs both sides more than the local socket gains
        headers = {"User-Agent": AGENT, "Accept-Encoding": "identity"}
        self._http = httpx.AsyncClient(
            transport=CancelSafeTransport(dialler.http()),
            base_url="http://docker",
            timeout=self._times,
            headers=headers,
        )
        self._prefix: str | None = None

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def ping(self) -> httpx.Headers:
        """``GET /_ping``: the headers have the engine's API version and operating system."""
        return (await self._send("GET", "/_ping", None, None, None, self._times)).headers

    async def call(
        self,
        method: str,
        path: str,
        params: Params | None = None,
        *,
        body: Any = None,
        content: Body | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> httpx.Response:
        """One call with its whole answer.

        :param body: sent as JSON.    :param content: sent as it is.    :param timeout: seconds; 0 for no limit.
        :raise ApiError: the engine refused it.    :raise EngineUnreachable: nothing answers.
        """
        data, extra = _encode(body, content, headers)
        times = self._times if timeout is None else httpx.Timeout(timeout or None, connect=CONNECT_SECONDS)
        return await self._send(method, await self._path(path), params, data, extra, times)

    async def json(self, method: str, path: str, params: Params | None = None, *, body: Any = None) -> Any:
        """One call whose answer is JSON.

        :raise StreamBroken: it is not.
        """
        reply = await self.call(method, path, params, body=body)
        try:
            return reply.json()
        except ValueError as error:
            raise StreamBroken(
                "The engine's answer is not JSON", detail=f"{method} {path}: {reply.text[:200]}"
            ) from error

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        params: Params | None = None,
        *,
        body: Any = None,
        content: Body | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[httpx.Response]:
        """A call whose answer comes in pieces and may never end; leaving the block ends it.

        :raise ApiError: the engine refused it.    :raise EngineUnreachable: nothing answers, or it broke off.
        """
        data, extra = _encode(body, content, headers)
        where = await self._path(path)
        times = httpx.Timeout(None, connect=CONNECT_SECONDS)
        try:
            async with self._http.stream(
                method, where, params=params, content=data, headers=extra, timeout=times
            ) as reply:
                if reply.is_error:
                    await reply.aread()
                    _require_success(reply, method, where)
                yield reply
        except httpx.HTTPError as error:
            raise unreachable(error, self._dialler.hint) from error

    async def upgrade(
        self,
        path: str,
        params: Params | None = None,
        *,
        body: Any = None,
        protocol: str = "tcp",
        headers: Sequence[tuple[str, str]] = (),
    ) -> Duplex:
        """A POST that turns its connection into a plain duplex stream (RFC 9110, 7.8; Docker's “hijack”).

        :param protocol: what is spoken then: ``tcp``, or ``h2c`` for BuildKit.
        :raise ApiError: the engine refused it.    :raise EngineUnreachable: nothing answers.
        """
        where = str(httpx.URL(await self._path(path), params=dict(params or {})))
        data = json.dumps(body).encode() if body is not None else b""
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                stream = await self._dialler.open()
        except (OSError, UserError) as error:
            raise unreachable(error, self._dialler.hint) from error
        try:
            return await _upgrade(stream, where, data, [("Upgrade", protocol), *headers])
        except BaseException as error:
            await stream.close()
            if isinstance(error, LinkError):
                raise unreachable(error, self._dialler.hint) from error
            raise

    async def _path(self, path: str) -> str:
        if self._prefix is None:
            self._prefix = _negotiate((await self.ping()).get("Api-Version", ""))
        return self._prefix + path

    async def _send(
        self,
        method: str,
        path: str,
        params: Params | None,
        content: Body | None,
        headers: Mapping[str, str] | None,
        times: httpx.Timeout,
    ) -> httpx.Response:
        try:
            reply = await self._http.request(
                method, path, params=params, content=content, headers=headers, timeout=times
            )
        except httpx.HTTPError as error:
            raise unreachable(error, self._dialler.hint) from error
        _require_success(reply, method, path)
        return reply


def unreachable(error: BaseException, hint: str) -> EngineUnreachable:
    """Why there is no answer, as an error for the user. :param hint: see :class:`Dialler`."""
    cause: BaseException | None = error
    while cause is not None:  # httpx's and httpcore's errors come from that of the way
        if isinstance(cause, EngineUnreachable):
            return cause.copy()
        cause = cause.__cause__ or cause.__context__  # httpcore raises some "from None"
    detail = f"{type(error).__name__}: {error}"
    if isinstance(error, UserError) and error.detail:
        detail = f"{detail} {error.detail}"
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return EngineUnreachable("The engine does not answer in time", "See what fails: slipway status", detail)
    return EngineUnreachable("The engine cannot be reached", hint, detail)


def _negotiate(version: str) -> str:
    try:
        major, minor = (int(part) for part in version.split("."))
    except ValueError:
        raise StreamBroken("The engine does not report its API version", detail=repr(version)) from None
    if (major, minor) < OLDEST_API_VERSION:
        oldest = ".".join(map(str, OLDEST_API_VERSION))
        raise EngineError(f"The engine is too old: its API version is {version}", f"Slipway needs {oldest}.")
    return "/v{}.{}".format(*min((major, minor), API_VERSION))


def _encode(
    body: Any, content: Body | None, headers: Mapping[str, str] | None
) -> tuple[Body | None, dict[str, str]]:
    extra = dict(headers or {})
    if body is not None:
        extra["Content-Type"] = "application/json"
        return json.dumps(body).encode(), extra
    return content, extra


def _require_success(reply: httpx.Response, method: str, path: str) -> None:
    if reply.is_error:
        message, hint = _said(reply.content)
        if hint:
            raise wrong_platform(message, hint, f"{method} {path}")
        raise api_error(reply.status_code, message, f"{method} {path}")


def _said(body: bytes) -> tuple[str, str]:
    """An error's message, and what Slipway's endpoint has added to it (engine/endpoint/admission/pulls.py)."""
    try:
        found = json.loads(body)
        return str(found["message"]), str(found.get("hint") or "")
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace").strip(), ""


async def _upgrade(
    stream: Stream,
    where: str,
    data: bytes,
    more: Sequence[tuple[str, str]],
) -> Duplex:
    protocol = h11.Connection(h11.CLIENT)
    headers = [("Host", "docker"), ("User-Agent", AGENT), ("Connection", "Upgrade"), *more]
    headers += [("Content-Type", "application/json"), ("Content-Length", str(len(data)))]
    for part in (h11.Request(method="POST", target=where, headers=headers), h11.Data(data), h11.EndOfMessage()):
        await stream.write(protocol.send(part) or b"")
    refused: h11.Response | None = None
    text = b""
    while True:
        try:
            event = protocol.next_event()
        except h11.RemoteProtocolError as error:
            raise StreamBroken("The engine's answer is not HTTP", detail=str(error)) from error
        if event is h11.NEED_DATA:
            protocol.receive_data(await stream.read(CHUNK))
        elif isinstance(event, h11.InformationalResponse) and event.status_code == 101:
            return Duplex(stream, _content_type(event), protocol.trailing_data[0])
        elif isinstance(event, h11.Response):
            refused = event
        elif isinstance(event, h11.Data):
            text += event.data
        elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
            if refused is None:
                raise EngineUnreachable("The engine closed the connection", "See: slipway status", f"POST {where}")
            raise api_error(refused.status_code, _said(text)[0], f"POST {where}")


def _content_type(event: h11.InformationalResponse) -> str:
    return next((value.decode() for name, value in event.headers if name == b"content-type"), "")
