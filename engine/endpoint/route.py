"""The seam between the endpoint and the engine behind it: how a connection gets to the engine's API."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from engine.endpoint.local import LocalStream
from vm.errors import LinkError
from vm.guest.stream import Carrier, Stream
from vm.host import Host

PIECE = 4096

HANDLERS = "grep -l '^enabled' /proc/sys/fs/binfmt_misc/qemu-* 2>/dev/null"

GO_NAMES = {
    "aarch64": "arm64",
    "i386": "386",
    "loongarch64": "loong64",
    "mips64el": "mips64le",
    "x86_64": "amd64",
}
"""QEMU's names of architectures that Go calls otherwise."""


class Route(Protocol):
    """Leads to one engine's API. A backend supplies it; the gate hands it to the connections."""

    @property
    def name(self) -> str:
        """Where it leads, as the subject of a message: “/run/docker.sock in the machine”."""
        ...

    @property
    def admitted(self) -> bool:
        """Whether requests to create or start something pass the endpoint's admission on this way."""
        ...

    async def open(self) -> Stream:
        """Open one stream to the API. The endpoint cancels an attempt that takes too long.

        :raise LinkError: not now; the endpoint tries again for a while.
        :raise UserError: of any other type: the client is answered with it at once.
        """
        ...

    async def emulated(self) -> frozenset[str] | None:
        """The architectures, by Go's names, that it runs by emulation besides its own; None: that is not known.

        :raise LinkError: it cannot be asked now.
        """
        ...


@dataclass(frozen=True)
class GuestRoute:
    """To the Unix socket ``path`` of a guest."""

    carrier: Carrier
    path: str
    admitted: bool = True

    @property
    def name(self) -> str:
        """Where it leads."""
        return f"{self.path} in the machine"

    async def open(self) -> Stream:
        """Open a stream to the socket. :raise LinkError: the link is down, or nothing listens there."""
        return await self.carrier.open_unix(self.path)

    async def emulated(self) -> frozenset[str]:
        """Those that the guest has an enabled handler for (binfmt_misc). :raise LinkError: it cannot be asked."""
        stream = await self.carrier.open_exec(HANDLERS)
        try:
            await stream.write_eof()
            told = b""
            while piece := await stream.read(PIECE):
                told += piece
        finally:
            await stream.close()
        names = [path.rpartition("qemu-")[2] for path in told.decode().split()]
        return frozenset(GO_NAMES.get(name, name) for name in names)


@dataclass(frozen=True)
class LocalRoute:
    """To an engine of this computer, by its own socket or pipe, which may be the system's.

    What is mounted and published there is this computer's already, so that nothing has to be checked.
    """

    host: Host
    path: Path
    admitted: bool = False

    @property
    def name(self) -> str:
        """Where it leads."""
        return str(self.path)

    async def open(self) -> Stream:
        """Connect to it.

        :raise LinkError: nothing listens there.
        :raise HostError: another user's program does.
        """
        stream = EngineStream(lambda _: None)
        try:
            await self.host.connect_local(self.path, stream, of_system=True)
        except (OSError, TimeoutError) as error:
            raise LinkError(f"Nothing answers at {self.path}", "", str(error)) from error
        return stream

    async def emulated(self) -> frozenset[str] | None:
        """Not known: what this computer has set up for that is not looked at."""
        return None


class EngineStream(LocalStream):
    """The engine's side of a connection to a local socket: its errors are those of a link."""

    async def read(self, limit: int) -> bytes:
        """Return up to ``limit`` bytes; ``b""`` at the end. :raise LinkError: the connection was lost."""
        with _as_link_errors():
            return await super().read(limit)

    async def write(self, data: bytes) -> None:
        """Send ``data``. :raise LinkError: the engine reads no more."""
        with _as_link_errors():
            await super().write(data)

    async def write_eof(self) -> None:
        """End our direction. :raise LinkError: the connection was lost."""
        with _as_link_errors():
            await super().write_eof()

    async def close(self) -> None:
        """Drop both directions at once. Idempotent, never raises."""
        self.abort()


@contextlib.contextmanager
def _as_link_errors() -> Iterator[None]:
    try:
        yield
    except ConnectionError as error:
        raise LinkError("The connection to the engine was lost", "", str(error)) from error
