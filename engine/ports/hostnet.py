"""Containers with the host's network: what they listen on in the machine answers on the host's localhost.

Such a container (``--network host``) shares the machine's network, and dockerd publishes no port of it. The
engine's events say when one comes and goes; the guest's program ``vm/image/native/listening.c``, which runs only
meanwhile, reports what their processes listen on.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections.abc import Callable, Iterable
from functools import partial

from engine.client import EngineClient, Event
from engine.events import EngineEvents, Feed, Interest
from vm.errors import LinkError
from vm.guest.forward import Forward
from vm.guest.link_task import LinkTask
from vm.guest.stream import Carrier, Stream

log = logging.getLogger(__name__)

PROGRAM = "/usr/lib/slipway/listening"
NETWORK = "host"
MEMBERS = Interest("network", frozenset({"connect", "disconnect"}), NETWORK)
LINE_LIMIT = 256 * 1024
Publish = Callable[[Iterable[Forward]], None]
"""Called with all that is to be listened on for such containers."""


class HostNetwork(LinkTask[Carrier]):
    """Follows the containers of one machine.

    :param events: of its engine.
    """

    def __init__(self, events: EngineEvents, publish: Publish) -> None:
        self._events = events
        self._publish = publish

    async def work(self, link: Carrier) -> None:
        await self._events.follow([MEMBERS], partial(self._follow, link))

    async def _follow(self, carrier: Carrier, engine: EngineClient, feed: Feed) -> None:
        """Until the engine or the guest's program goes away."""
        program: Program | None = None
        try:
            members = {one.id for one in await engine.containers.list(filters={"network": [NETWORK]})}
            lines = [f"+{member}" for member in members]
            while True:
                if members and program is None:
                    program = await Program.start(carrier, self._publish)
                    lines = [f"+{member}" for member in members]
                if program is not None and not members:
                    await program.close()
                    program = None
                if program is not None and lines:
                    await program.send(lines)
                event = await _next(feed, program)
                if event is None:
                    return
                container = event.attributes.get("container", "")
                connected = event.action == "connect"
                (members.add if connected else members.discard)(container)
                lines = [f"{'+' if connected else '-'}{container}"]
        finally:
            if program is not None:
                await program.close()


class Program:
    """The guest's program while it runs. What it has reported is withdrawn when it ends.

    :ivar reading: done when the program has ended.
    """

    def __init__(self, stream: Stream, publish: Publish) -> None:
        self._stream = stream
        self._publish = publish
        self.reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, carrier: Carrier, publish: Publish) -> Program:
        """:raise LinkError: it cannot be started."""
        return cls(await carrier.open_exec(f"exec {PROGRAM}"), publish)

    async def send(self, lines: Iterable[str]) -> None:
        """Send ``+CONTAINER`` or ``-CONTAINER``. :raise LinkError: the program has ended."""
        await self._stream.write("".join(f"{line}\n" for line in lines).encode())

    async def close(self) -> None:
        """End it."""
        self.reading.cancel()
        await asyncio.gather(self.reading, return_exceptions=True)
        await self._stream.close()

    async def _read(self) -> None:
        rest = b""
        try:
            while data := await self._stream.read(1 << 16):
                *lines, rest = (rest + data).split(b"\n")
                if lines:
                    self._publish(forwards(lines[-1].decode(errors="replace")))
                if len(rest) > LINE_LIMIT:
                    break
            log.warning("the program that reports what containers listen on has ended")
        except LinkError as error:
            log.info("what containers listen on is not known: %s", error.message)
        finally:
            self._publish(())


def forwards(line: str) -> list[Forward]:
    """What to listen on here, for a line of the guest's program: ``PROTOCOL ADDRESS PORT PROTOCOL …``."""
    found: dict[str, Forward] = {}
    words = line.split()
    for protocol, address, text in zip(words[::3], words[1::3], words[2::3], strict=False):
        try:
            place, port = ipaddress.ip_address(address), int(text)
        except ValueError:
            log.warning("not understood: %r %r", address, text)
            continue
        mapped = getattr(place, "ipv4_mapped", None)
        place = mapped or place
        both = place.version == 6 and place.is_unspecified  # for most programs this is IPv4 as well
        for here, inside in (("127.0.0.1", "127.0.0.1"), ("::1", "::1")):
            if both or (place.version == 6) == (":" in here):
                target = inside if place.is_unspecified else str(place)
                key = f"host-{protocol}-{here}-{port}"
                found.setdefault(key, Forward(key, protocol, here, port, target, port))
    return list(found.values())


async def _next(feed: Feed, program: Program | None) -> Event | None:
    """The next event; None when the engine or the program has gone."""
    getting = asyncio.create_task(feed.next())
    needed: set[asyncio.Task[Event | None] | asyncio.Task[None]] = {getting}
    if program is not None:
        needed.add(program.reading)
    try:
        await asyncio.wait(needed, return_when=asyncio.FIRST_COMPLETED)
        if getting.done():
            return getting.result()
        if program is not None:
            await program.reading  # raises what it could not cope with
        return None
    finally:
        getting.cancel()
