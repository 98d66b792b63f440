"""Datagrams on a stream, as connect-udp has them: capsules (RFC 9297, section 3.5; RFC 9298, section 5).

A capsule is its type, its length and that many bytes, here a context, always 0, and the datagram. Numbers are
QUIC's (RFC 9000, section 16): the first two bits of the first byte say how long each is.
"""

from __future__ import annotations

DATAGRAM = 0
"""The capsule's type."""

LONGEST = 128 * 1024
"""Bytes of a capsule; no datagram has as many."""


def number(value: int) -> bytes:
    """``value`` in as few bytes as it takes, 0 to 2³⁰ - 1."""
    if value < 1 << 6:
        return bytes((value,))
    return (value | 1 << 14).to_bytes(2, "big") if value < 1 << 14 else (value | 1 << 31).to_bytes(4, "big")


def capsule(datagram: bytes) -> bytes:
    """One datagram, for the stream."""
    return b"\0" + number(len(datagram) + 1) + b"\0" + datagram


class Capsules:
    """Finds the datagrams in what has come."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The datagrams that have come to their end. Capsules of other types, and other contexts, are passed over.

        :raise ValueError: a capsule is longer than any datagram.
        """
        data, at = self._rest + data, 0
        found: list[bytes] = []
        while (head := _numbers(data, at)) is not None:
            kind, length, begin = head
            if length > LONGEST:
                raise ValueError(f"a capsule of {length} bytes")
            if begin + length > len(data):
                break
            at = begin + length
            if kind == DATAGRAM and data[begin:at].startswith(b"\0"):
                found.append(data[begin + 1 : at])
        self._rest = data[at:]
        return found


def _numbers(data: bytes, at: int) -> tuple[int, int, int] | None:
    """The two numbers at ``at`` and where they end; None when they have not come whole."""
    values: list[int] = []
    while len(values) < 2:
        if at >= len(data):
            return None
        size = 1 << (data[at] >> 6)
        if at + size > len(data):
            return None
        values.append(int.from_bytes(data[at : at + size], "big") & ((1 << (8 * size - 2)) - 1))
        at += size
    return values[0], values[1], at
