"""The Linux backend: what a machine's changes mean to the lifecycle, and the hops to dockerd."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from engine.backends.base import Guest, Progress
from engine.backends.linux_guest import LINK_LOST, LinuxGuest, ReachedStage, Retry
from tests.unit.carriers import MemoryLink, MemoryStream
from vm.errors import LinkError, MachineError, UserError
from vm.guest.stream import Link


@dataclass(frozen=True)
class Stage:
    name: str
    seconds: float


@dataclass(frozen=True)
class Again:
    text: str


@dataclass(frozen=True)
class Hop:
    name: str
    ok: bool | None
    why: str
    hint: str = ""


class Machine:
    """A machine that follows the test's orders."""

    def __init__(self) -> None:
        self.state = "stopped"
        self.failure: UserError | None = None
        self.memory_link = MemoryLink(answer)
        self.started: list[str] = []
        self.hops = [Hop("qemu-process", True, "alive"), Hop("guest-link", True, "answers")]
        self.changed: Callable[[str, str], None] = lambda old, new: None

    @property
    def link(self) -> Link:
        if self.memory_link.refuse is not None:
            raise self.memory_link.refuse
        return self.memory_link

    async def start(
        self,
        spec: str,
        on_stage: Callable[[ReachedStage], None] | None = None,
        on_retry: Callable[[Retry], None] | None = None,
    ) -> None:
        assert on_stage is not None
        assert on_retry is not None
        self.started.append(spec)
        on_retry(Again("QEMU crashed. Starting the machine again (2 of 3)"))
        on_stage(Stage("qemu", 0.5))
        self.become("starting")
        self.become("running")

    async def adopt(self) -> bool:
        self.become("starting")
        self.become("running")
        return True

    async def stop(self) -> None:
        self.become("stopping")
        self.become("stopped")

    async def resume(self) -> None:
        self.failure = None
        self.become("running")

    async def wait_exit(self) -> UserError | None:
        return self.failure

    async def probe(self) -> list[Hop]:
        return self.hops

    def become(self, new: str) -> None:
        old, self.state = self.state, new
        self.changed(old, new)


class Listener:
    """Records its calls."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def reached(self, guest: Guest | None) -> None:
        assert guest is not None
        self.notes.append("reached adopted" if guest.adopted else "reached")

    def lost(self, reason: str) -> None:
        self.notes.append(f"lost: {reason}")

    def held(self, cause: UserError | None) -> None:
        self.notes.append(f"held: {cause}")

    def resumed(self) -> None:
        self.notes.append("resumed")

    def ended(self, cause: UserError) -> None:
        self.notes.append(f"ended: {cause}")


class Report:
    """A start's progress, noted."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    @asynccontextmanager
    async def stage(self, name: str) -> AsyncIterator[None]:
        yield
        self.notes.append(name)

    def note(self, text: str, fraction: float | None = None) -> None:
        self.notes.append(text)

    def chosen(self, accelerator: str, image: str) -> None:
        self.notes.append(f"{accelerator} {image}")

    def machine_begins(self) -> None:
        self.notes.append("machine begins")

    def machine_stage(self, name: str, seconds: float) -> None:
        self.notes.append(f"{name} after {seconds}")


async def answer(stream: MemoryStream) -> None:
    """dockerd, which says yes to everything."""
    await stream.read(65536)
    await stream.write(b"HTTP/1.0 200 OK\r\n\r\nOK")
    await stream.write_eof()


class Kit:
    def __init__(self) -> None:
        self.machine, self.listener = Machine(), Listener()
        self.recalled = 0
        self.backend: LinuxGuest[str] = LinuxGuest(self.machine, self._plan, self._adopted)
        self.backend.listen(self.listener)
        self.machine.changed = self.backend.machine_changed

    async def _plan(self, progress: Progress) -> str:
        async with progress.stage("image"):
            return "the spec"

    async def _adopted(self) -> None:
        self.recalled += 1


@pytest.fixture
def kit() -> Kit:
    return Kit()


async def test_a_start_goes_by_the_plan_and_tells_its_stages(kit: Kit) -> None:
    report = Report()
    await kit.backend.start(report)
    assert kit.machine.started == ["the spec"]
    again = "QEMU crashed. Starting the machine again (2 of 3)"
    assert report.notes == ["image", "machine begins", again, "qemu after 0.5"]
    assert kit.listener.notes == ["reached"]
    assert kit.backend.up
    await kit.backend.stop()
    assert kit.listener.notes == ["reached"]  # what the lifecycle does itself it is not told
    assert not kit.backend.up
    await kit.backend.stop()  # again, with nothing there


async def test_adoption(kit: Kit) -> None:
    assert await kit.backend.adopt()
    assert kit.listener.notes == ["reached adopted"]
    assert kit.recalled == 1


async def test_what_happens_by_itself_is_told(kit: Kit) -> None:
    await kit.backend.start(Report())
    kit.backend.link_changed(None)
    kit.backend.link_changed(kit.machine.link)
    kit.machine.failure = MachineError("disk full")
    kit.machine.become("paused")
    await kit.backend.resume()
    kit.machine.failure = MachineError("QEMU ended")
    kit.machine.become("failed")
    assert kit.listener.notes == [
        "reached",
        f"lost: {LINK_LOST}",
        "reached",
        "held: disk full",
        "resumed",
        "reached",
        "ended: QEMU ended",
    ]


async def test_a_machine_that_goes_on_without_its_link_is_lost(kit: Kit) -> None:
    await kit.backend.start(Report())
    kit.machine.become("paused")
    kit.machine.memory_link.refuse = LinkError("gone")
    kit.machine.become("running")
    assert kit.listener.notes[-2:] == ["resumed", f"lost: {LINK_LOST}"]


async def test_the_hops_end_with_dockerd(kit: Kit) -> None:
    await kit.backend.start(Report())
    assert [hop.ok for hop in await kit.backend.hops()] == [True, True, True]
    kit.machine.memory_link.refuse = LinkError("cut")
    assert (await kit.backend.hops())[-1].ok is False
    kit.machine.hops[1] = Hop("guest-link", False, "gone", "hint")
    found = await kit.backend.hops()
    assert [(hop.name, hop.ok) for hop in found] == [
        ("qemu-process", True),
        ("guest-link", False),
        ("dockerd", None),
    ]


async def test_the_route_leads_to_dockerd(kit: Kit) -> None:
    await kit.backend.start(Report())
    stream = await kit.backend.route().open()
    assert kit.machine.memory_link.opened == ["/run/docker.sock"]
    await stream.close()
