"""What BuildKit reports of a build: ``StatusResponse`` of moby/buildkit, api/services/control/control.proto.

The engine puts each into a JSON line ``{"id": "moby.buildkit.trace", "aux": BASE64}``.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from engine.client.build.wire import Value, fields
from engine.client.errors import StreamBroken

T = TypeVar("T")

NANO = 1e-9


@dataclass(frozen=True)
class Vertex:
    """A step as it stands now; later ones with the same digest replace it. Times are seconds since 1970 or 0."""

    digest: str
    name: str
    cached: bool = False
    started: float = 0.0
    completed: float = 0.0
    error: str = ""


@dataclass(frozen=True)
class Part:
    """A part of a step that has a size: a layer that comes or goes. :ivar total: bytes; 0 when unknown."""

    id: str
    vertex: str
    current: int = 0
    total: int = 0
    completed: bool = False


@dataclass(frozen=True)
class Output:
    """A piece of what a step prints; a warning of BuildKit's is one as well."""

    vertex: str
    text: str


@dataclass(frozen=True)
class Trace:
    """What has changed.

    :ivar image: the ID of what was built, in the last one.    :ivar sent: bytes of the folder.
    """

    vertexes: tuple[Vertex, ...] = ()
    parts: tuple[Part, ...] = ()
    outputs: tuple[Output, ...] = ()
    image: str = ""
    sent: int = 0


def decode(encoded: str) -> Trace:
    """A trace from its BASE64 text.

    :raise StreamBroken: it is none.
    """
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise StreamBroken("BuildKit sent a message that Slipway cannot read", detail=encoded[:200]) from error
    return read(data)


def read(data: bytes) -> Trace:
    """A trace from a ``StatusResponse``.

    :raise StreamBroken: it is none.
    """
    found: dict[int, list[bytes]] = {}
    for number, value in fields(data):
        if isinstance(value, bytes):
            found.setdefault(number, []).append(value)

    def each(number: int, read: Callable[[bytes], T]) -> tuple[T, ...]:
        return tuple(read(message) for message in found.get(number, ()))

    return Trace(each(1, _vertex), each(2, _part), each(3, _output) + each(4, _warning))


def _vertex(message: bytes) -> Vertex:
    got = dict(fields(message))
    return Vertex(
        text(got.get(1)),
        text(got.get(3)),
        bool(got.get(4)),
        moment(got.get(5)),
        moment(got.get(6)),
        text(got.get(7)),
    )


def _part(message: bytes) -> Part:
    got = dict(fields(message))
    return Part(text(got.get(1)), text(got.get(2)), _int(got.get(4)), _int(got.get(5)), moment(got.get(8)) > 0)


def _output(message: bytes) -> Output:
    got = dict(fields(message))
    return Output(text(got.get(1)), text(got.get(4)))


def _warning(message: bytes) -> Output:
    got = dict(fields(message))
    return Output(text(got.get(1)), f"warning: {text(got.get(3))}\n")


def moment(value: Value | None) -> float:
    """``google.protobuf.Timestamp``: seconds since 1970; 0 if there is none."""
    if not isinstance(value, bytes):
        return 0.0
    got = dict(fields(value))
    return _int(got.get(1)) + _int(got.get(2)) * NANO


def _int(value: Value | None) -> int:
    return value if isinstance(value, int) else 0


def text(value: Value | None) -> str:
    """A string; empty if there is none."""
    return value.decode(errors="replace") if isinstance(value, bytes) else ""
