"""Two engines that are fakes, with real lifecycles, a real gate and a real switch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from desktop.supervisor.engines.engines import Engines
from desktop.supervisor.engines.main_gate import MainGate
from desktop.supervisor.engines.record import EngineRecord
from desktop.supervisor.engines.switch import Switch, Unit
from desktop.supervisor.lifecycle.lifecycle import Lifecycle
from engine.client import Version
from tests.unit.desktop.supervisor.lifecycle.kit import FakeBackend, FakeEngine, FakeGate, FakeParts
from vm.errors import EngineError, UserError


class Asked:
    """The engine through the user's own socket: that of the engine in use.

    :ivar failure: its answer from now on.    :ivar os: what it says of itself; empty: what it is.
    """

    socket = Path("/run/user/docker.sock")

    def __init__(self, gate: MainGate) -> None:
        self._gate = gate
        self.failure: UserError | None = None
        self.os = ""

    async def version(self, timeout: float) -> Version:
        return await self.wait_ready(timeout)

    async def wait_ready(self, timeout: float) -> Version:
        if self.failure is not None:
            raise self.failure
        return Version("28.5.2", "1.51", "1.24", self.os or self._gate.in_use, "amd64", "6.12", "go", "commit")


class Connections:
    """The user's connections. :ivar cut_with: what those were told that were ended."""

    def __init__(self) -> None:
        self.cut_with: list[str] = []

    async def cut(self, error: EngineError) -> None:
        self.cut_with.append(error.message)


class One:
    """One engine."""

    def __init__(self, name: str, gate: MainGate, notify: Callable[[], None]) -> None:
        self.backend, self.gate, self.engine = FakeBackend(), FakeGate(), FakeEngine()
        self.absent: UserError | None = None
        parts = FakeParts(self.gate)
        life = Lifecycle(self.backend, self.engine, gate.of(name, self.gate), parts, lambda boot: None, notify)
        self.backend.lifecycle, self.backend.gate = life, self.gate
        self.lifecycle = life
        self.unit = Unit(name, f"{name.title()} containers", name, life, self._require)

    async def _require(self) -> None:
        if self.absent is not None:
            raise self.absent


class TwoEngines:
    """:ivar steps: of the switch, without repetitions.    :ivar keep_both: the setting."""

    def __init__(self, folder: Path) -> None:
        self.main = FakeGate()
        self.record = EngineRecord(folder / "engine.json", "linux")
        self.gate = MainGate(self.main, self.record.read())
        self.connections = Connections()
        self.keep_both = False
        self.steps: list[str] = []
        self.linux, self.windows = (One(name, self.gate, self._note) for name in ("linux", "windows"))
        self.asked = Asked(self.gate)
        self.switch = Switch(
            self.gate, self.connections, self.record, self.asked, lambda: self.keep_both, self._note
        )
        units = (self.linux.unit, self.windows.unit)
        self.engines = Engines(
            units, (), self.gate, self.switch, lambda: self.keep_both, self.record.used, self._note
        )

    def _note(self) -> None:
        step = self.switch.step.value
        if not self.steps or self.steps[-1] != step:
            self.steps.append(step)


def only(lifecycle: Lifecycle, folder: Path) -> Engines:
    """The one engine there is."""
    gate = MainGate(FakeGate(), "linux")
    record = EngineRecord(folder / "engine.json", "linux")
    switch = Switch(gate, Connections(), record, Asked(gate), bool, lambda: None)
    unit = Unit("linux", "Linux containers", "linux", lifecycle, _can_be_tried)
    return Engines((unit,), (), gate, switch, bool, record.used, lambda: None)


async def _can_be_tried() -> None:
    """Always."""
