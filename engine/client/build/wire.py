"""Protocol Buffers' wire format (protobuf.dev/programming-guides/encoding), without schemas.

Four small messages of BuildKit's are read and two are written; that needs neither generated code nor a library
with a compiled part.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.client.errors import StreamBroken

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
WIDTHS = {FIXED64: 8, FIXED32: 4}

Value = int | bytes


def fields(data: bytes) -> Iterator[tuple[int, Value]]:
    """Number and value of each field in order; texts and messages are bytes.

    :raise StreamBroken: not such a message.
    """
    place = 0
    while place < len(data):
        tag, place = _varint(data, place)
        kind = tag & 7
        if kind == VARINT:
            value, place = _varint(data, place)
            yield tag >> 3, value
            continue
        length, place = _varint(data, place) if kind == BYTES else (WIDTHS.get(kind, -1), place)
        if length < 0 or place + length > len(data):
            raise StreamBroken("BuildKit sent a message that Slipway cannot read", detail=repr(data[:64]))
        yield tag >> 3, data[place : place + length]
        place += length


def field(number: int, value: int | str | bytes) -> bytes:
    """One field."""
    if isinstance(value, int):
        return _number(number << 3 | VARINT) + _number(value)
    data = value.encode() if isinstance(value, str) else value
    return _number(number << 3 | BYTES) + _number(len(data)) + data


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while place < len(data):
        byte = data[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return value, place
    raise StreamBroken("BuildKit's message ended early", detail=repr(data[:64]))


def _number(value: int) -> bytes:
    made = bytearray()
    while value > 127:
        made.append(value & 127 | 128)
        value >>= 7
    made.append(value)
    return bytes(made)
