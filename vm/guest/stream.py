"""Stream and Carrier: what every link into the guest offers, so that callers need not know which one is used."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol

from vm.errors import LinkError


@dataclass(frozen=True)
class Completed:
    """The result of a command in the guest. ``exit_code`` is 128 + 15 style only if its shell made it so."""

    exit_code: int
    stdout: bytes
    stderr: bytes


class Stream(Protocol):
    """One ordered two-way byte stream with independent ends (half-close), like a connected socket."""

    async def read(self, limit: int) -> bytes:
        """Return up to ``limit`` bytes, or ``b""`` once the peer has ended its direction.

        :raise LinkError: the stream was cut (not ended).
        """
        ...

    async def write(self, data: bytes) -> None:
        """Send all of ``data``; returns when it has been accepted, which is the back-pressure.

        :raise LinkError: the stream was cut, or the peer no longer reads.
        """
        ...

    async def write_eof(self) -> None:
        """End our direction; the other stays open. Idempotent."""
        ...

    async def close(self) -> None:
        """Drop both directions at once. Idempotent, never raises."""
        ...


class Carrier(Protocol):
    """Opens streams to what listens inside the guest."""

    async def open_unix(self, path: str) -> Stream:
        """Connect to the guest's Unix socket ``path``.

        :raise LinkError: the link is down, or nothing listens there.
        """
        ...

    async def open_tcp(self, address: str, port: int) -> Stream:
        """Connect to a TCP port that the guest can reach, its own or a container's.

        :param address: an IPv4 or IPv6 address, without brackets.
        :raise LinkError: the link is down, or nothing listens there.
        """
        ...

    async def open_udp(self, address: str, port: int) -> Stream:
        """Exchange datagrams with a UDP port that the guest can reach, as capsules (see capsules.py).

        :param address: an IPv4 or IPv6 address, without brackets.
        :raise LinkError: the link is down, or carries no datagrams.
        """
        ...

    async def open_accept(self, path: str) -> Stream:
        """Have the guest listen at the Unix socket ``path``, which it makes; the stream is the next who connects.

        A first byte says that a client has connected; its data follows. While no stream is open, clients wait.

        :raise LinkError: the link is down, or cannot do this, or the guest cannot listen there.
        """
        ...

    async def open_exec(self, command: str) -> Stream:
        """Run ``command`` by the guest's shell, as root; the stream is its standard input and output.

        The stream ends with the command; its exit code is not reported, and closing the stream hangs up on it.

        :raise LinkError: the link is down, or the guest refuses.
        """
        ...


class Link(Carrier, Protocol):
    """A connection into the guest that carries streams until it is closed or lost.

    :ivar closed: set once it is gone, for whatever reason; then ``failure`` says why.
    """

    closed: asyncio.Event
    failure: LinkError | None

    async def run(self, command: str, *, input: bytes = b"", timeout: float) -> Completed:
        """Run ``command`` by the guest's shell; both outputs are kept in memory.

        :raise LinkError: the link broke, or the command did not end within ``timeout`` seconds.
        """
        ...

    async def ping(self, timeout: float) -> None:
        """One round trip. :raise LinkError: no answer within ``timeout`` seconds."""
        ...

    async def close(self) -> None:
        """Close it and all its streams. Idempotent, never raises."""
        ...
