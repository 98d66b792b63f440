"""The timed stages of one start, reported to its followers as they are reached and kept for the waterfall."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from desktop.control.schema import Boot, Event, StageReport
from desktop.supervisor.context import Emit

TITLES = {
    "image": "finding the system image",
    "disk": "preparing the data disk",
    "accelerator": "looking for hardware acceleration",
    "qemu": "starting QEMU",
    "init": "booting Linux",
    "modules": "loading modules",
    "data": "mounting the data disk",
    "network": "setting up the network",
    "services": "starting the services",
    "link": "connecting to the machine",
    "sshd": "starting the services",
    "containerd": "starting containerd",
    "dockerd": "starting dockerd",
    "socket": "waiting for the engine's first answer",
}
"""What goes on until the stage of that name is reached, for the user."""

ORDER = tuple(TITLES)


class BootTimeline:
    """One start; the :class:`engine.backends.base.Progress` of its backend.

    :ivar doing: what goes on now, for the user.
    """

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._began = time.monotonic()
        self._wall = time.time()
        self._stages: list[StageReport] = []
        self._machine_began = 0.0
        self.doing = ""
        self._accelerator = ""
        self._image = ""

    def announce(self, name: str) -> None:
        """Say what goes on until the stage ``name`` is reached."""
        self.note(TITLES.get(name, name))

    def note(self, text: str, fraction: float | None = None) -> None:
        """One line for the user; ``fraction`` (0 to 1) says how far the stage is."""
        if fraction is None:
            self.doing = text
        self._emit(Event("progress", text, fraction))

    @asynccontextmanager
    async def stage(self, name: str) -> AsyncIterator[None]:
        """Time what is done inside; the first answer is announced once dockerd is up."""
        if name != "socket":
            self.announce(name)
        yield
        self._reached(name, time.monotonic() - self._began)

    def chosen(self, accelerator: str, image: str) -> None:
        """What the machine is started with: QEMU's accelerator, the version of the system image."""
        self._accelerator, self._image = accelerator, image

    def machine_begins(self) -> None:
        """The clock of :meth:`machine_stage` starts now."""
        self._machine_began = time.monotonic() - self._began
        self.announce("qemu")

    def machine_stage(self, name: str, seconds: float) -> None:
        """A stage that the machine reports; those behind the first answer come too late to count."""
        if self._stages and self._stages[-1].name == "socket":
            return
        self._reached(name, self._machine_began + seconds)
        if name in ORDER[:-1]:
            self.announce(ORDER[ORDER.index(name) + 1])

    @property
    def total(self) -> float:
        """Seconds from the start to the last stage reached."""
        return self._stages[-1].seconds if self._stages else 0.0

    def boot(self) -> Boot:
        """This start, for the history."""
        return Boot(self._wall, self.total, self._accelerator, self._image, tuple(self._stages))

    def _reached(self, name: str, seconds: float) -> None:
        report = StageReport(name, round(seconds, 3), round(max(0.0, seconds - self.total), 3))
        self._stages.append(report)
        self._emit(Event("stage", name, stage=report))
