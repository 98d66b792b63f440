"""gRPC on one connection, both sides, as far as BuildKit needs it (gRPC's “gRPC over HTTP2”; h2 speaks HTTP/2).

The engine is the client of a build's session, and the server of its build history.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from typing import Protocol
from urllib.parse import quote, unquote

import h2.config
import h2.connection
import h2.events
import h2.exceptions

from engine.client.errors import NotSupported, StreamBroken
from vm.errors import EngineError, UserError

OK, UNKNOWN, UNIMPLEMENTED = 0, 2, 12
"""gRPC's status codes."""

PREFIX = 5
"""Bytes before each message: whether it is compressed, and its length (big endian)."""

Answer = Callable[[str, bytes], Awaitable[tuple[int, Iterable[bytes]]]]
"""Path and message of a call → status and messages; of a failure the message is why."""


class Wire(Protocol):
    """A connection."""

    def chunks(self) -> AsyncIterator[bytes]:
        """What comes, until the end."""

    async def write(self, data: bytes) -> None:
        """Send."""


class Server:
    """Answers calls that have one message each."""

    def __init__(self, wire: Wire, answer: Answer) -> None:
        self._wire, self._answer = wire, answer
        self._http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        self._calls: dict[int, tuple[str, bytearray]] = {}
        self._pending: dict[int, bytearray] = {}

    async def serve(self) -> None:
        """Answer until the other side ends the connection."""
        try:
            self._http.initiate_connection()
            await self._send()
            async for chunk in self._wire.chunks():
                for event in self._http.receive_data(chunk):
                    await self._take(event)
                await self._send()
        except (UserError, h2.exceptions.H2Error):
            return  # the connection broke; whoever called reports what that means

    async def _take(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.RequestReceived) and event.stream_id is not None:
            wanted = dict(event.headers or ()).get(b":path", b"")
            self._calls[event.stream_id] = (wanted.decode(), bytearray())
        elif isinstance(event, h2.events.DataReceived) and event.stream_id in self._calls:
            self._calls[event.stream_id][1].extend(event.data or b"")
            self._http.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id)
        elif isinstance(event, h2.events.StreamReset) and event.stream_id is not None:
            self._calls.pop(event.stream_id, None)
            self._pending.pop(event.stream_id, None)
        elif isinstance(event, h2.events.StreamEnded) and event.stream_id in self._calls:
            path, data = self._calls.pop(event.stream_id)
            self._reply(event.stream_id, *await self._answer(path, bytes(data[PREFIX:])))

    def _reply(self, number: int, status: int, messages: Iterable[bytes]) -> None:
        about = [(":status", "200"), ("content-type", "application/grpc")]
        if status != OK:
            reasons = [("grpc-message", quote(message)) for message in messages if message]
            self._http.send_headers(number, [*about, ("grpc-status", f"{status}"), *reasons], end_stream=True)
            return
        self._http.send_headers(number, about)
        self._pending[number] = bytearray(b"".join(map(_framed, messages)))

    def _flush(self) -> None:
        """Send as much as the other side has room for."""
        for number, data in list(self._pending.items()):
            while data:
                room = min(self._http.local_flow_control_window(number), self._http.max_outbound_frame_size)
                if room <= 0:
                    return
                self._http.send_data(number, bytes(data[:room]))
                del data[:room]
            self._http.send_headers(number, [("grpc-status", f"{OK}")], end_stream=True)
            del self._pending[number]

    async def _send(self) -> None:
        self._flush()
        data = self._http.data_to_send()
        if data:
            await self._wire.write(data)


async def call(wire: Wire, path: str, message: bytes) -> AsyncGenerator[bytes]:
    """Call a method of the other side, which answers with any number of messages.

    :raise NotSupported: it has no such method.    :raise EngineError: it refuses.
    :raise StreamBroken: the connection broke.
    """
    http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    http.initiate_connection()
    number = http.get_next_available_stream_id()
    target = [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "localhost")]
    http.send_headers(number, [*target, ("content-type", "application/grpc"), ("te", "trailers")])
    http.send_data(number, _framed(message), end_stream=True)
    await wire.write(http.data_to_send())
    received, ended = bytearray(), False
    try:
        async for chunk in wire.chunks():
            for event in http.receive_data(chunk):
                if isinstance(event, h2.events.DataReceived):
                    received.extend(event.data or b"")
                    http.acknowledge_received_data(event.flow_controlled_length or 0, number)
                elif isinstance(event, h2.events.ResponseReceived | h2.events.TrailersReceived):
                    _require_success(dict(event.headers or ()))
                elif isinstance(event, h2.events.StreamEnded):
                    ended = True
                elif isinstance(event, h2.events.StreamReset):
                    raise StreamBroken("The engine broke off its answer", detail=f"{path}: {event.error_code}")
            for found in _messages(received):
                yield found
            if ended:
                return
            if data := http.data_to_send():
                await wire.write(data)
    except h2.exceptions.H2Error as error:
        raise StreamBroken("The engine sent an answer that Slipway cannot read", detail=repr(error)) from error
    raise StreamBroken("The engine's answer ended early", detail=path)


def _require_success(headers: dict[bytes, bytes]) -> None:
    status = int(headers.get(b"grpc-status", b"0"))
    why = unquote(headers.get(b"grpc-message", b"").decode(errors="replace"))
    if status == UNIMPLEMENTED:
        raise NotSupported("The engine cannot do that", detail=why)
    if status != OK:
        raise EngineError(why or f"The engine answered with the status {status} of gRPC")


def _framed(message: bytes) -> bytes:
    return b"\0" + len(message).to_bytes(PREFIX - 1, "big") + message


def _messages(received: bytearray) -> Iterable[bytes]:
    """Take the complete messages from the beginning of what was received."""
    while len(received) >= PREFIX:
        end = PREFIX + int.from_bytes(received[1:PREFIX], "big")
        if len(received) < end:
            return
        yield bytes(received[PREFIX:end])
        del received[:end]
