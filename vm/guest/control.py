"""The control port: text lines over a virtio-serial port, from the first moment of the guest's start to its last.

The guest reports its stages (``stage NAME UPTIME``, ``failed NAME TEXT``) and answers commands (``ok WORD``,
``error WORD TEXT``). The host commands ``poweroff``, ``clock MARK`` (the answer has the guest's time after the
mark), ``adjust`` (the clock), ``grow``, ``trim``, ``memory`` (the answer has what is left, see memory.py),
``ping`` (the answer has the guest's uptime), and ``stages`` and ``ports`` (repeat what was reported, for a host
that came late). The guest also asks for ports of the host (``publish FORWARD``, see forward.py, and
``release KEY``), which the host answers (``published KEY ok`` or ``published KEY REASON``).

It works before the network does and after it broke. Either end may be absent: bytes for an absent host are dropped
by QEMU, so nothing here is needed for the guest to run.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vm.errors import LinkError, MachineError
from vm.host import Host
from vm.tasks import fail

log = logging.getLogger(__name__)

STAGES = ("init", "agent", "modules", "data", "network", "services", "sshd", "containerd", "dockerd")
"""The guest's stages, in the order of a normal start; the last ones run side by side."""


@dataclass(frozen=True)
class GuestStage:
    """A stage of the guest's start: done, or failed with a reason.

    :ivar uptime: seconds since the guest's kernel began; 0 when failed.
    :ivar failure: the guest's text; None when the stage is done.
    """

    name: str
    uptime: float
    failure: str | None = None


Listener = Callable[[GuestStage], None]

REQUESTS = ("publish", "repeat", "release")
"""What the guest asks the host."""

Asked = Callable[[str, str], None]
"""Called with what the guest asks: the word, and what follows it."""


class GuestControl:
    """One connection to the control port.

    :param listener: called in the event loop once for each stage, whether reported for the first time or repeated.
    :param asked: called in the event loop for each request of the guest's.
    :ivar followers: called as ``listener`` is, for as long as they are in this list.
    :ivar stages: what was reported so far, by name.
    :ivar closed: set when the connection has ended.
    """

    def __init__(self, listener: Listener | None = None, asked: Asked | None = None) -> None:
        self._listener = listener
        self._asked = asked
        self.followers: list[Listener] = []
        self.stages: dict[str, GuestStage] = {}
        self.closed = asyncio.Event()
        self._waiting: dict[str, deque[asyncio.Future[str]]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None

    async def connect(self, host: Host, path: Path, timeout: float) -> None:
        """Connect to QEMU's end of the port.

        :raise LinkError: nothing listens there within ``timeout`` seconds.
        """
        try:
            async with asyncio.timeout(timeout):
                reader, self._writer = await host.connect(path)
        except (OSError, TimeoutError) as error:
            raise LinkError("The machine's control port cannot be reached", detail=f"{path}: {error}") from error
        self._reading = asyncio.create_task(self._read(reader), name="control port")

    async def command(self, line: str, timeout: float = 10) -> str:
        """Send ``line`` (a word, perhaps with arguments) and wait for its ``ok``; returns what follows that.

        :raise MachineError: the guest answered ``error``.
        :raise LinkError: no answer in time, or no connection.
        """
        word = line.split()[0]
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(word, deque())
        waiting.append(future)
        try:
            async with asyncio.timeout(timeout):
                await self.send(line)
                return await future
        except TimeoutError as error:
            raise LinkError(f"The guest did not answer “{word}” within {timeout:g} s") from error
        finally:
            if future in waiting:
                waiting.remove(future)

    async def send(self, line: str) -> None:
        """Send ``line`` without waiting for an answer.

        :raise LinkError: no connection.
        """
        writer = self._writer
        if writer is None or writer.is_closing() or self.closed.is_set():
            raise LinkError("The machine's control port is not connected", detail=line)
        try:
            writer.write(line.encode() + b"\n")
            await writer.drain()
        except OSError as error:
            raise LinkError("The machine's control port closed unexpectedly", detail=f"{line}: {error}") from error

    async def close(self) -> None:
        """Disconnect. Idempotent, never raises."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])
            self._reading = None
        self._end()

    def _end(self) -> None:
        self.closed.set()
        if self._writer is not None:
            self._writer.close()
        for waiting in self._waiting.values():
            for future in waiting:
                fail(future, LinkError("The machine's control port closed unexpectedly"))

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while line := await reader.readline():
                self._handle(line.decode(errors="replace").strip())
        except OSError as error:
            log.info("control port: %s", error)
        except ValueError as error:  # a line longer than the reader's limit
            log.warning("control port: %s", error)
        finally:
            self._end()

    def _handle(self, line: str) -> None:
        kind, _, rest = line.partition(" ")
        name, _, text = rest.partition(" ")
        if kind == "stage" and name:
            self._stage(GuestStage(name, _number(text)))
        elif kind == "failed" and name:
            self._stage(GuestStage(name, 0.0, text.strip() or "no reason was given"))
        elif kind in ("ok", "error") and name:
            self._answer(name, text.strip(), failed=kind == "error")
        elif kind in REQUESTS and self._asked is not None:
            _call(self._asked, kind, rest)
        elif line:
            log.warning("control port: not understood: %.200r", line)

    def _stage(self, stage: GuestStage) -> None:
        if self.stages.get(stage.name) == stage:
            return  # repeated on our request
        self.stages[stage.name] = stage
        log.info(
            "guest: %s %s", stage.name, f"failed: {stage.failure}" if stage.failure else f"at {stage.uptime} s"
        )
        for hook in (*((self._listener,) if self._listener else ()), *self.followers):
            _call(hook, stage)

    def _answer(self, word: str, text: str, *, failed: bool) -> None:
        waiting = self._waiting.get(word)
        if not waiting:
            log.debug("control port: late answer to %s", word)
            return
        future = waiting.popleft()
        if future.done():
            return
        if failed:
            fail(future, MachineError(f"The guest could not do “{word}”: {text or 'no reason was given'}"))
        else:
            future.set_result(text)


def _call(hook: Callable[..., None], *args: object) -> None:
    """Call one of the owner's hooks; its error is logged, and does not end the port."""
    try:
        hook(*args)
    except Exception:
        log.exception("control port: %r failed", hook)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
