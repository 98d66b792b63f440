"""The stand-in put together: a scripted life, an engine in memory, and what handles each call of the API."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Any, cast

from desktop.control.calls import ControlApi, Route
from desktop.control.schema import CallerEnvironment, Event, Note, SettingsReport
from desktop.settings.store import SettingsStore
from desktop.supervisor.engines.make import LINUX
from desktop.supervisor.engines.windows import NAME as WINDOWS
from desktop.supervisor.fake.catalogue import furnish, furnish_windows
from desktop.supervisor.fake.cluster.door import FakeCluster
from desktop.supervisor.fake.doors import Doors
from desktop.supervisor.fake.kubernetes import FakeKubernetes
from desktop.supervisor.fake.lifecycle import FakeLifecycle
from desktop.supervisor.fake.operations import FakeOperations
from desktop.supervisor.fake.scenario import Scenario
from desktop.supervisor.fake.swarm import furnish as furnish_swarm
from desktop.supervisor.fake.world import World
from desktop.supervisor.notifier import Notifier
from desktop.supervisor.operations.debug import debug_report
from desktop.supervisor.operations.desktop_entry import DesktopEntry
from desktop.supervisor.operations.folder_check import require_folders
from desktop.supervisor.parts.tls import Tls
from desktop.supervisor.process import Service
from desktop.supervisor.settings import LiveSettings, outcome
from desktop.supervisor.warnings import Warnings
from engine.endpoint.listener import Listener
from vm.host import Host
from vm.host.paths import WINDOWS_ENGINE, Paths


class FakeSupervisor:
    """Behaves as the supervisor does towards its clients."""

    def __init__(self, paths: Paths, host: Host, scenario: Scenario) -> None:
        self.ending = asyncio.Event()
        self.world, windows = World(), World("windows")
        if not scenario.empty:
            furnish(self.world, many=scenario.many)
            furnish_windows(windows)
        if scenario.swarm:
            furnish_swarm(self.world)
        notifier = Notifier()
        self.settings = LiveSettings(SettingsStore(paths.settings), host)
        self.settings.checks.append(require_folders)
        self.desktop_entry = DesktopEntry(paths)
        self.settings.effects.append(self.desktop_entry)
        self.settings.subscribe(lambda _: notifier.notify())
        self.lifecycle = FakeLifecycle(scenario, self.settings, host, self.world, paths.docker_host, notifier)
        self.operations = FakeOperations(
            paths, host, self.lifecycle, self.settings, self.desktop_entry, self.world
        )
        self.tls = Tls(paths, host, self, notifier, Warnings(notifier.notify))
        self.lifecycle.tls = self.tls.address
        self.kubernetes = FakeKubernetes(
            self.settings,
            lambda: self.lifecycle.running,
            scenario,
            FakeCluster(
                self.world,
                paths.kubernetes / "config",
                lambda: self.lifecycle.running,
                many=scenario.many,
                busy=scenario.busy,
            ),
        )
        self._scenario = scenario
        life, named = self.lifecycle, {LINUX: paths.linux_socket, WINDOWS: paths.windows_socket}
        self._doors = Doors(
            {LINUX: self.world, WINDOWS: windows},
            lambda: life.in_use,
            life.runs,
            paths.docker_socket,
            named if scenario.two else {},
        )
        life.switched = self._doors.cut
        life.sockets = {name: str(path) for name, path in named.items()}
        self._life: asyncio.Task[None] | None = None

    def wanted(self) -> bool:
        """See :class:`desktop.supervisor.process.Service`."""
        return self.lifecycle.asked or self.lifecycle.running

    async def open(self) -> None:
        """Let the engine answer, and the world live."""
        await self._doors.open()
        await self.kubernetes.open()
        self.tls.configure(self.settings.get())
        self._life = asyncio.create_task(
            self.world.shout() if self._scenario.loud else self.world.live(busy=self._scenario.busy)
        )

    async def listen_also(self, listener: Listener) -> None:
        """Answer there as well. :raise EngineError: another process listens there."""
        await listener.start(self._doors.connect)

    async def listen_no_more(self, listener: Listener) -> None:
        """Give the address back."""
        await listener.close()

    def notice(self, caller: CallerEnvironment) -> None:
        """A client with this environment asks for something; there is no machine that needs any of it."""

    def woke(self) -> None:
        """The computer has slept; there is no machine whose clock would be behind."""

    async def settle(self) -> None:
        """Stop, as the supervisor does at its end."""
        await self.lifecycle.settle()

    async def close(self) -> None:
        """Give the socket up."""
        if self._life is not None:
            self._life.cancel()
            await asyncio.gather(self._life, return_exceptions=True)
        await self.kubernetes.close()
        await self.tls.close()
        await self._doors.close()

    async def end(self) -> AsyncIterator[Event]:
        """Stop, and end the process."""
        try:
            async for event in self.lifecycle.stop():
                yield event
        finally:
            self.ending.set()


def make_fake(paths: Paths, host: Host) -> tuple[Service, Sequence[Route]]:
    """The stand-in for the scenario that the environment names, and what handles each call.

    :raise ValueError: there is no such scenario.
    """
    scenario = Scenario.of_environment()
    if scenario.two:  # so that the settings of the switch are offered
        os.environ.setdefault(WINDOWS_ENGINE, "[]")
    fake = FakeSupervisor(paths, host, scenario)
    return fake, handlers(fake)


def handlers(fake: FakeSupervisor) -> list[Route]:
    """What does each call, as desktop/supervisor/handlers.py has it for the supervisor."""
    lifecycle, settings, operations = fake.lifecycle, fake.settings, fake.operations

    async def bring_up(
        work: Callable[[], AsyncIterator[Event]], caller: CallerEnvironment
    ) -> AsyncIterator[Event]:
        async with aclosing(cast(Any, work())) as events:
            async for event in events:
                yield operations.with_note(event, caller)

    async def change(changes: Mapping[str, str]) -> Note:
        return outcome(await settings.change(changes), running=lifecycle.running)

    return [
        ControlApi.status.handled_by(lifecycle.status),
        ControlApi.watch.handled_by(lifecycle.watch),
        ControlApi.boots.handled_by(lambda: lifecycle.boots),
        ControlApi.start.handled_for_caller(partial(bring_up, lifecycle.start)),
        ControlApi.cancel_start.handled_by(lifecycle.cancel_start),
        ControlApi.stop.handled_by(lifecycle.stop),
        ControlApi.restart.handled_for_caller(partial(bring_up, lifecycle.restart)),
        ControlApi.end.handled_by(fake.end),
        ControlApi.engines.handled_by(lifecycle.engines),
        ControlApi.use_engine.handled_by(lifecycle.use),
        ControlApi.engine_needs.handled_by(lifecycle.needs),
        ControlApi.install_engine.handled_by(lifecycle.install),
        ControlApi.remove_engine.handled_by(lifecycle.remove),
        ControlApi.settings.handled_by(settings.values),
        ControlApi.set_settings.handled_by(change),
        ControlApi.settings_report.handled_by(partial(_settings_report, fake)),
        ControlApi.menu.handled_by(fake.desktop_entry.set_menu),
        ControlApi.disk.handled_by(operations.disk),
        ControlApi.grow_disk.handled_by(operations.grow_disk),
        ControlApi.check_disk.handled_by(operations.check_disk),
        ControlApi.images.handled_by(operations.images),
        ControlApi.build_image.handled_by(operations.build_image),
        ControlApi.ports.handled_by(lambda: operations.ports() + fake.kubernetes.ports()),
        ControlApi.folders.handled_by(operations.folders),
        ControlApi.ssh.handled_by(operations.ssh),
        ControlApi.guest_log.handled_by(operations.guest_log),
        ControlApi.diagnose.handled_for_caller(operations.diagnose),
        ControlApi.bundle.handled_for_caller(operations.bundle),
        ControlApi.debug.handled_by(debug_report),
        ControlApi.context.handled_for_caller(operations.context),
        ControlApi.use_context.handled_for_caller(operations.use_context),
        ControlApi.restore_context.handled_for_caller(operations.restore_context),
        ControlApi.change_helpers.handled_for_caller(operations.change_helpers),
        ControlApi.tls.handled_by(fake.tls.show),
        ControlApi.enable_tls.handled_by(fake.tls.enable),
        ControlApi.disable_tls.handled_by(fake.tls.disable),
        ControlApi.add_tls_client.handled_by(fake.tls.add_client),
        ControlApi.revoke_tls_client.handled_by(fake.tls.revoke),
        *_kubernetes(fake.kubernetes),
        ControlApi.reset_plan.handled_by(operations.reset_plan),
        ControlApi.reset.handled_by(operations.reset),
    ]


def _kubernetes(kubernetes: FakeKubernetes) -> list[Route]:
    return [
        ControlApi.kubernetes.handled_by(kubernetes.show),
        ControlApi.enable_kubernetes.handled_for_caller(kubernetes.enable),
        ControlApi.disable_kubernetes.handled_by(kubernetes.disable),
        ControlApi.reset_kubernetes.handled_by(kubernetes.reset),
        ControlApi.kubernetes_backups.handled_by(kubernetes.backups),
        ControlApi.restore_kubernetes.handled_by(kubernetes.restore),
    ]


def _settings_report(fake: FakeSupervisor) -> SettingsReport:
    windows = next(one for one in fake.lifecycle.engines() if one.name == WINDOWS)
    why = f"{windows.obstacle}. {windows.hint}" if windows.obstacle else ""
    return replace(fake.settings.report(), no_windows=why)
