"""Setup and removal of the engine of Windows containers, for which Windows asks the user for an administrator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from desktop.control.schema import Event, RequirementReport
from desktop.supervisor.context import CurrentSettings, Emit, Work
from desktop.supervisor.engines.engines import Engines
from desktop.supervisor.engines.windows import HINT, NAME, TITLE, WindowsEngine
from desktop.supervisor.lifecycle.jobs import Job
from desktop.supervisor.operations.windows_settings import WindowsSettings
from desktop.windows_engine import manage
from desktop.windows_engine.requirements import look, requirements
from vm.errors import EngineError
from vm.host import Host


class WindowsSetup:
    """One of them at a time.

    :param windows: the engine; None where there can be none.
    :param notify: called when something has changed.
    :ivar daemon: its settings.
    """

    def __init__(
        self,
        host: Host,
        engines: Engines,
        windows: WindowsEngine | None,
        settings: CurrentSettings,
        notify: Callable[[], None],
    ) -> None:
        self.daemon = WindowsSettings(host, windows)
        self._host = host
        self._engines = engines
        self._settings = settings
        self._notify = notify
        self._job: Job | None = None

    async def requirements(self) -> list[RequirementReport]:
        """What is needed, and whether it is there.

        :raise EngineError: this computer can have no such engine.
        """
        self._require()
        found = await asyncio.to_thread(lambda: requirements(look()))
        return [RequirementReport(one.title, one.met, one.by.value, one.fix) for one in found]

    async def install(self) -> AsyncIterator[Event]:
        """Set it up.

        :raise EngineError: this computer can have no such engine.
        """
        self._require()

        async def work(emit: Emit) -> str:
            emit(Event("progress", "waiting until an administrator has allowed it, and it is done"))
            restart = await asyncio.to_thread(manage.install, self._settings.get().windows_daemon)
            return f"{'Restart Windows, then' if restart else 'Done. Use them'}: slipway engine use {NAME}"

        async for event in self._follow("setup", work):
            yield event

    async def remove(self, data: bool = False, features: bool = True) -> AsyncIterator[Event]:
        """Take it away again.

        :raise EngineError: it is in use, or this computer can have none.
        """
        self._require()
        if self._engines.in_use.name == NAME:
            raise EngineError(f"{TITLE} are in use", "Switch to Linux containers first: slipway engine use linux")

        async def work(emit: Emit) -> str:
            await self._engines.rest(NAME)
            emit(Event("progress", "waiting until an administrator has allowed it, and it is done"))
            restart = await asyncio.to_thread(manage.remove, data=data, features=features)
            return "Restart Windows to complete it" if restart else "It is removed"

        async for event in self._follow("removal", work):
            yield event

    async def _follow(self, name: str, work: Work) -> AsyncIterator[Event]:
        while self._job is not None and not self._job.done and self._job.name != name:
            await asyncio.wait([self._job.task])
        if self._job is None or self._job.done:
            self._job = Job(name, work, pinned=True, tell=self._notify)
        async for event in self._job.follow():
            yield event

    def _require(self) -> None:
        if self._host.no_windows_containers:
            raise EngineError(f"{TITLE} cannot be used on this computer: {self._host.no_windows_containers}", HINT)
