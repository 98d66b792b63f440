"""Containers with the host's network: what they listen on in the machine answers on this computer's localhost.

Such a container (``--network host``) shares the machine's network, and no port of it is published. The engine
tells when one comes and goes; the guest's program ``vm/image/native/listening.c``, which runs only meanwhile,
tells what their processes listen on.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections.abc import Callable, Iterable
from pathlib import Path

from engine.client import EngineClient
from engine.following import events_from_now, while_it_answers
from vm.errors import LinkError
from vm.guest.forward import Forward
from vm.guest.link_task import LinkTask
from vm.guest.stream import Carrier, Stream

log = logging.getLogger(__name__)

PROGRAM = "/usr/lib/slipway/listening"
NETWORK = "host"
LINE_LIMIT = 256 * 1024
Publish = Callable[[Iterable[Forward]], None]
"""Told all that is to be listened on for such containers."""


class HostNetwork(LinkTask[Carrier]):
    """Follows the containers of one machine.

    :param socket: the engine's.
    :ivar engine_answers: whether the engine does; before that it starts the containers that ran before.
    """

    def __init__(self, socket: Path, publish: Publish) -> None:
        self.engine_answers = False
        self._socket = socket
        self._publish = publish

    async def work(self, way: Carrier) -> None:
        try:
            await while_it_answers(self._socket, lambda engine: self._follow_engine(engine, way))
        finally:
            self.engine_answers = False

    async def _follow_engine(self, engine: EngineClient, carrier: Carrier) -> None:
        """Until the engine goes away."""
        told: asyncio.Queue[str] = asyncio.Queue()
        listening = asyncio.create_task(_listen(engine, told))
        program: Program | None = None
        members: set[str] = set()
        try:
            for one in await engine.containers.list(filters={"network": [NETWORK]}):
                told.put_nowait(f"+{one.id}")
            self.engine_answers = True
            while (line := await _next(told, listening, program)) is not None:
                (members.add if line[0] == "+" else members.discard)(line[1:])
                if program is not None and not members:
                    await program.close()
                    program = None
                if members and program is None:
                    program = await Program.start(carrier, self._publish)
                    line = "\n".join(f"+{member}" for member in members)
                if program is not None:
                    await program.tell(line)
            if listening.done():
                await listening  # raises what ended it
        finally:
            if listening.done():
                self.engine_answers = False
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
            if program is not None:
                await program.close()


class Program:
    """The guest's program while it runs. What it told is withdrawn when it ends.

    :ivar reading: done when it runs no more.
    """

    def __init__(self, stream: Stream, publish: Publish) -> None:
        self._stream = stream
        self._publish = publish
        self.reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, carrier: Carrier, publish: Publish) -> Program:
        """:raise LinkError: it cannot be started."""
        return cls(await carrier.open_exec(f"exec {PROGRAM}"), publish)

    async def tell(self, line: str) -> None:
        """:raise LinkError: it has gone."""
        await self._stream.write(f"{line}\n".encode())

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
            log.warning("the program that tells what containers listen on has ended")
        except LinkError as error:
            log.info("what containers listen on is not told: %s", error.message)
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


async def _listen(engine: EngineClient, told: asyncio.Queue[str]) -> None:
    wanted = {"type": ["network"], "event": ["connect", "disconnect"]}
    async for event in events_from_now(engine, wanted):
        if event.attributes.get("name") == NETWORK:
            told.put_nowait(("+" if event.action == "connect" else "-") + event.attributes.get("container", ""))


async def _next(told: asyncio.Queue[str], listening: asyncio.Task[None], program: Program | None) -> str | None:
    """The next line; None when the engine or the program has gone."""
    getting = asyncio.create_task(told.get())
    needed = {getting, listening, program.reading} if program is not None else {getting, listening}
    try:
        await asyncio.wait(needed, return_when=asyncio.FIRST_COMPLETED)
        return getting.result() if getting.done() else None
    finally:
        getting.cancel()
