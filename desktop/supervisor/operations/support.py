"""Diagnosis and support bundle: what each is given of the supervisor's state."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from desktop.control.schema import BundleFile, CallerEnvironment, Check
from desktop.settings.schema import Settings, SettingsError
from desktop.supervisor.context import CurrentSettings
from desktop.supervisor.lifecycle.boot_history import BootHistory
from desktop.supervisor.lifecycle.status import StatusReporter
from desktop.supervisor.operations.docker_context import DockerContext
from desktop.supervisor.operations.guest_logs import GuestLogs
from desktop.supervisor.parts.folders import Folders
from desktop.supervisor.parts.ports import Ports
from vm.host import Host
from vm.host.paths import Paths

if TYPE_CHECKING:  # the checks read much that nothing else needs, so they are imported when they are run
    from desktop.diagnostics import Context


@dataclass(frozen=True)
class Support:
    """Both at one moment. :ivar unwatched: mounted folders whose changes are not all forwarded, and why."""

    paths: Paths
    host: Host
    settings: CurrentSettings
    status: StatusReporter
    history: BootHistory
    docker_context: DockerContext
    guest_logs: GuestLogs
    folders: Folders
    ports: Ports
    unwatched: Callable[[], dict[str, str]]

    async def diagnose(self, caller: CallerEnvironment) -> list[Check]:
        """Run every check, for the client's environment."""
        from desktop.diagnostics import diagnose

        return await diagnose(await self._context(caller))

    async def bundle(self, caller: CallerEnvironment) -> list[BundleFile]:
        """What a support bundle would hold, without secrets."""
        from desktop.support.bundle import collect

        docker = self.docker_context.report(caller)
        return await collect(await self._context(caller), docker, self.history.list(), self.guest_logs.read)

    async def _context(self, caller: CallerEnvironment) -> Context:
        from desktop.diagnostics import Context

        settings: Settings | SettingsError
        try:
            settings = self.settings.resolved()
        except SettingsError as error:
            settings = error
        return Context(
            self.paths,
            self.host,
            settings,
            await self.status.status(all_hops=True),
            caller.within(os.environ),
            self.unwatched(),
            self.ports.waiting(),
            self.folders.folders(),
        )
