"""Fakes of what a lifecycle moves: a scripted backend, an engine, a gate and parts that take notes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from desktop.control.schema import Event
from desktop.supervisor.lifecycle.boot_history import BootHistory
from desktop.supervisor.lifecycle.lifecycle import Lifecycle
from engine.backends.base import Guest, Hop, Progress
from engine.backends.features import Features
from engine.client import Version
from engine.endpoint.route import GuestRoute, Route
from tests.unit.carriers import MemoryLink, refuse
from vm.errors import EngineError, MachineError, UserError


class FakeBackend:
    """Comes up at once, unless ``failures`` has something in its way.

    :ivar failures: raised by the next starts, one each.
    :ivar gate_when_stopping: what the gate did when the engine was stopped.
    :ivar block: when set, a start waits for it.
    """

    name = "fake"
    features = Features(containers="linux", guest=True, pause=True)

    def __init__(self) -> None:
        self.up = False
        self.failure: UserError | None = None
        self.failures: list[UserError] = []
        self.stop_failure: UserError | None = None
        self.starts = 0
        self.adoptable = False
        self.block: asyncio.Event | None = None
        self.gate: FakeGate | None = None
        self.gate_when_stopping = ""
        self.lifecycle: Lifecycle | None = None
        self._ended = asyncio.Event()
        self._link = MemoryLink(refuse)

    async def start(self, progress: Progress) -> None:
        self.starts += 1
        self.failure = None
        self._ended = asyncio.Event()
        async with progress.stage("image"):
            if self.block is not None:
                await self.block.wait()
        if self.failures:
            self.failure = self.failures.pop(0)
            raise self.failure
        self.come_up(adopted=False)

    async def adopt(self) -> bool:
        if self.adoptable:
            self.come_up(adopted=True)
        return self.adoptable

    async def stop(self) -> None:
        assert self.gate is not None
        self.gate_when_stopping = self.gate.last
        if self.stop_failure is not None:
            raise self.stop_failure
        self.up = False
        self.failure = None

    async def resume(self) -> None:
        self.failure = None
        self.listener().resumed()

    async def wait_ended(self) -> UserError | None:
        await self._ended.wait()
        return self.failure

    def route(self) -> Route:
        return GuestRoute(self._link, "/run/docker.sock")

    async def hops(self) -> list[Hop]:
        return [Hop("dockerd", self.up, "fake")]

    def die(self, message: str = "QEMU ended") -> None:
        """End by itself."""
        self.up = False
        self.failure = MachineError(message)
        self.listener().ended(self.failure)
        self._ended.set()

    def listener(self) -> Lifecycle:
        """The lifecycle that listens."""
        assert self.lifecycle is not None
        return self.lifecycle

    def come_up(self, *, adopted: bool) -> None:
        """Be within reach, for the first time or again."""
        self.up = True
        self.listener().reached(Guest(self._link, adopted))


class FakeEngine:
    """Answers, once ``answers`` is set. :ivar asked: called when the first answer is waited for."""

    socket = Path("/run/user/docker.sock")

    def __init__(self) -> None:
        self.answers = asyncio.Event()
        self.answers.set()
        self.waiting = asyncio.Event()

    async def version(self, timeout: float) -> Version:
        if not self.answers.is_set():
            raise EngineError("no answer")
        return Version("28.5.2", "1.51", "1.24", "linux", "amd64", "6.12", "go", "commit")

    async def wait_ready(self, timeout: float) -> Version:
        self.waiting.set()
        await self.answers.wait()
        return await self.version(timeout)


class FakeGate:
    """Notes what it does with connections: ``open``, ``hold: reason``, ``shut: message``; no repetitions."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    @property
    def last(self) -> str:
        return self.notes[-1]

    def open_gate(self, route: Route) -> None:
        self._note("open")

    def hold(self, reason: str) -> None:
        self._note(f"hold: {reason}")

    def shut(self, error: EngineError) -> None:
        self._note(f"shut: {error.message}. {error.hint}".rstrip(". "))

    def _note(self, text: str) -> None:
        if not self.notes or self.notes[-1] != text:
            self.notes.append(text)


class FakeParts:
    """Records its calls."""

    def __init__(self, gate: FakeGate) -> None:
        self.notes: list[str] = []
        self._gate = gate

    def attach(self, guest: Guest) -> None:
        self.notes.append("attach adopted" if guest.adopted else "attach")

    def detach(self, *, ended: bool) -> None:
        self.notes.append("detach ended" if ended else "detach")

    async def prepare_stop(self) -> None:
        self.notes.append(f"prepare with the gate {self._gate.last.partition(':')[0]}")


class Kit:
    """A lifecycle with its surroundings.

    :ivar phases: every phase it has been in, as often as it said so, without repetitions.
    """

    def __init__(self, folder: Path) -> None:
        self.backend, self.engine, self.gate = FakeBackend(), FakeEngine(), FakeGate()
        self.parts = FakeParts(self.gate)
        self.history = BootHistory(folder / "boots.json")
        self.phases: list[str] = []
        self.lifecycle = Lifecycle(
            self.backend, self.engine, self.gate, self.parts, self.history.add, self._note_phase
        )
        self.backend.lifecycle, self.backend.gate = self.lifecycle, self.gate

    def _note_phase(self) -> None:
        phase = self.lifecycle.phase.value
        if not self.phases or self.phases[-1] != phase:
            self.phases.append(phase)

    async def settled(self) -> None:
        """Until no job is under way."""
        while (job := self.lifecycle.job) is not None:
            await asyncio.wait([job.task])
            await asyncio.sleep(0)  # what follows from its end has begun


async def collect(events: AsyncIterator[Event]) -> list[Event]:
    """All events of a job."""
    return [event async for event in events]


def outcome(events: list[Event]) -> str:
    """How a job has ended: the text of ``done``, or the error's message."""
    last = events[-1]
    return last.text if last.error is None else last.error.message
