"""What does each call of the control API, one line per call."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Any, cast

from desktop.control.calls import ControlApi, Route
from desktop.control.schema import CallerEnvironment, Event, Note, SettingsReport
from desktop.supervisor.app import Supervisor
from desktop.supervisor.settings import outcome


def handlers(supervisor: Supervisor) -> list[Route]:
    """All of them; desktop/supervisor/server.py checks that none is missing."""
    engines, status, settings = supervisor.engines, supervisor.status, supervisor.settings
    disk, images, context = supervisor.disk, supervisor.images, supervisor.docker_context
    tls, kubernetes = supervisor.tls, supervisor.kubernetes

    async def change(changes: Mapping[str, str]) -> Note:
        made = await settings.change(changes)
        note = supervisor.reload.noted(outcome(made, running=engines.machine.up), made)
        return await supervisor.windows_setup.daemon.noted(note, made)

    return [
        ControlApi.status.handled_by(status.status),
        ControlApi.watch.handled_by(status.watch),
        ControlApi.boots.handled_by(supervisor.history.list),
        ControlApi.start.handled_for_caller(partial(_bring_up, supervisor, engines.start)),
        ControlApi.cancel_start.handled_by(engines.cancel_start),
        ControlApi.stop.handled_by(engines.stop),
        ControlApi.restart.handled_for_caller(partial(_bring_up, supervisor, engines.restart)),
        ControlApi.end.handled_by(partial(_end, supervisor)),
        ControlApi.engines.handled_by(engines.report),
        ControlApi.use_engine.handled_by(engines.use),
        ControlApi.engine_needs.handled_by(supervisor.windows_setup.requirements),
        ControlApi.install_engine.handled_by(supervisor.windows_setup.install),
        ControlApi.remove_engine.handled_by(supervisor.windows_setup.remove),
        ControlApi.settings.handled_by(settings.values),
        ControlApi.set_settings.handled_by(change),
        ControlApi.settings_report.handled_by(partial(_settings_report, supervisor)),
        ControlApi.menu.handled_by(supervisor.desktop_entry.set_menu),
        ControlApi.disk.handled_by(disk.report),
        ControlApi.grow_disk.handled_by(disk.grow),
        ControlApi.check_disk.handled_by(disk.check),
        ControlApi.images.handled_by(images.report),
        ControlApi.build_image.handled_by(images.build),
        ControlApi.ports.handled_by(supervisor.ports.ports),
        ControlApi.folders.handled_by(supervisor.folders.advised),
        ControlApi.ssh.handled_by(supervisor.guest_logs.ssh),
        ControlApi.guest_log.handled_by(supervisor.guest_logs.read),
        ControlApi.diagnose.handled_for_caller(supervisor.support.diagnose),
        ControlApi.bundle.handled_for_caller(supervisor.support.bundle),
        ControlApi.debug.handled_by(supervisor.debug.report),
        ControlApi.context.handled_for_caller(context.report),
        ControlApi.use_context.handled_for_caller(context.use),
        ControlApi.restore_context.handled_for_caller(context.restore),
        ControlApi.change_helpers.handled_for_caller(supervisor.credentials.change),
        ControlApi.tls.handled_by(tls.show),
        ControlApi.enable_tls.handled_by(tls.enable),
        ControlApi.disable_tls.handled_by(tls.disable),
        ControlApi.add_tls_client.handled_by(tls.add_client),
        ControlApi.revoke_tls_client.handled_by(tls.revoke),
        ControlApi.kubernetes.handled_by(kubernetes.show),
        ControlApi.enable_kubernetes.handled_for_caller(kubernetes.enable),
        ControlApi.disable_kubernetes.handled_by(kubernetes.disable),
        ControlApi.reset_kubernetes.handled_by(kubernetes.reset),
        ControlApi.kubernetes_backups.handled_by(kubernetes.backups),
        ControlApi.restore_kubernetes.handled_by(kubernetes.restore),
        ControlApi.reset_plan.handled_by(supervisor.reset.plan),
        ControlApi.reset.handled_by(supervisor.reset.run),
    ]


async def _settings_report(supervisor: Supervisor) -> SettingsReport:
    return replace(supervisor.settings.report(), no_windows=await supervisor.windows_setup.daemon.obstacle())


async def _end(supervisor: Supervisor) -> AsyncIterator[Event]:
    """Stop, and end the process."""
    try:
        async for event in supervisor.engines.stop():
            yield event
    finally:
        supervisor.ending.set()


async def _bring_up(
    supervisor: Supervisor, work: Callable[[], AsyncIterator[Event]], caller: CallerEnvironment
) -> AsyncIterator[Event]:
    """Start or restart, for a client and its Docker context."""
    context, done = supervisor.docker_context, False
    supervisor.environment.use(caller)
    context.expect(caller)
    try:
        async with aclosing(cast(Any, work())) as events:
            async for event in events:
                done = done or event.kind == "done"
                yield await context.with_note(event, caller)
    finally:
        if not done:  # it has failed, or the client has left; then the start goes on for it
            supervisor.engines.lifecycle.when_idle(partial(context.dismiss, caller))
