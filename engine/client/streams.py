"""The engine's streams: JSON lines, multiplexed output, and connections that became a plain duplex stream.

Formats: Docker Engine API v1.51, “Attach to a container” (stream format) and the ``application/json`` streams of
pull, push, build and events.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from engine.client.errors import StreamBroken
from vm.errors import UserError
from vm.guest.stream import Stream

HEADER = 8
"""Bytes before each frame: the stream's number, three zeros, the length (big endian)."""

MAX_FRAME = 16 * 1024 * 1024
"""Longest frame accepted; dockerd's are far shorter."""

CHUNK = 64 * 1024
MULTIPLEXED = "application/vnd.docker.multiplexed-stream"


class Std(IntEnum):
    """Where output came from."""

    IN = 0
    OUT = 1
    ERR = 2


@dataclass(frozen=True)
class Frame:
    """A piece of output as it was written; a line may be spread over several."""

    stream: Std
    data: bytes


class JsonLines:
    """Decodes objects that are separated by line ends, from chunks cut anywhere."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[dict[str, Any]]:
        """The objects that are complete with this chunk.

        :raise StreamBroken: something that is no JSON object.
        """
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        return [_object(line) for line in lines if line.strip()]

    def finish(self) -> list[dict[str, Any]]:
        """The last object, if no line end followed it.

        :raise StreamBroken: it is incomplete.
        """
        rest, self._rest = self._rest, b""
        return [_object(rest)] if rest.strip() else []


class Demultiplexer:
    """Decodes stdcopy frames, from chunks cut anywhere."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, chunk: bytes) -> list[Frame]:
        """The frames that are complete with this chunk.

        :raise StreamBroken: not such a stream; the container probably has a terminal.
        """
        self._rest += chunk
        frames = []
        while len(self._rest) >= HEADER:
            number, length = self._rest[0], int.from_bytes(self._rest[4:HEADER], "big")
            if number > Std.ERR or any(self._rest[1:4]) or length > MAX_FRAME:
                raise StreamBroken(
                    "The engine's output is not a multiplexed stream", detail=repr(bytes(self._rest[:64]))
                )
            if len(self._rest) < HEADER + length:
                break
            frames.append(Frame(Std(number), bytes(self._rest[HEADER : HEADER + length])))
            del self._rest[: HEADER + length]
        return frames

    def finish(self) -> list[Frame]:
        """Nothing may be left.

        :raise StreamBroken: the stream ended within a frame.
        """
        if self._rest:
            raise StreamBroken("The engine's output ended in the middle of a frame")
        return []


class Raw:
    """Output of a container with a terminal: everything is one stream."""

    def feed(self, chunk: bytes) -> list[Frame]:
        return [Frame(Std.OUT, chunk)] if chunk else []

    def finish(self) -> list[Frame]:
        return []


def decoder(content_type: str) -> Demultiplexer | Raw:
    """What decodes output of that media type."""
    return Demultiplexer() if content_type.startswith(MULTIPLEXED) else Raw()


async def frames(chunks: AsyncIterator[bytes], content_type: str) -> AsyncIterator[Frame]:
    """Output, frame by frame.

    :raise StreamBroken: see :class:`Demultiplexer`.
    """
    decode = decoder(content_type)
    async for chunk in chunks:
        for frame in decode.feed(chunk):
            yield frame
    for frame in decode.finish():
        yield frame


async def objects(chunks: AsyncIterator[bytes]) -> AsyncIterator[dict[str, Any]]:
    """JSON objects, one by one.

    :raise StreamBroken: see :class:`JsonLines`.
    """
    decode = JsonLines()
    async for chunk in chunks:
        for item in decode.feed(chunk):
            yield item
    for item in decode.finish():
        yield item


class Duplex:
    """A hijacked connection (attach, exec): input and output at the same time, each with its own end.

    :ivar content_type: says whether the output is multiplexed.
    """

    def __init__(self, stream: Stream, content_type: str, first: bytes) -> None:
        self._stream = stream
        self._first = first
        self.content_type = content_type

    async def __aenter__(self) -> Duplex:
        return self

    async def __aexit__(self, *details: object) -> None:
        await self.close()

    async def write(self, data: bytes) -> None:
        """Send input; waits while the other side does not take it.

        :raise StreamBroken: the connection is gone.
        """
        try:
            await self._stream.write(data)
        except UserError as error:
            raise _broken(error) from error

    async def write_eof(self) -> None:
        """End the input; the output goes on."""
        try:
            await self._stream.write_eof()
        except UserError as error:
            raise _broken(error) from error

    def frames(self) -> AsyncIterator[Frame]:
        """The output until its end."""
        return frames(self.chunks(), self.content_type)

    async def close(self) -> None:
        """Close both directions. Idempotent."""
        await self._stream.close()

    async def chunks(self) -> AsyncIterator[bytes]:
        """The output as it comes, undecoded.

        :raise StreamBroken: the connection is gone.
        """
        if self._first:
            first, self._first = self._first, b""
            yield first
        while True:
            try:
                chunk = await self._stream.read(CHUNK)
            except UserError as error:
                raise _broken(error) from error
            if not chunk:
                return
            yield chunk


def _broken(error: UserError) -> StreamBroken:
    detail = f"{error.message} {error.detail}".strip()
    return StreamBroken("The connection to the container broke", error.hint, detail)


def _object(line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise StreamBroken("The engine's stream is not JSON", detail=repr(line[:200])) from error
    if not isinstance(value, dict):
        raise StreamBroken("The engine's stream has an item that is not an object", detail=repr(line[:200]))
    return value
