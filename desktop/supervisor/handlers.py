"""What does each call of the control API, one line per call."""

from __future__ import annotations

from collections.abc import AsyncIterator

from desktop.control.calls import ControlApi, Route
from desktop.control.schema import Event
from desktop.supervisor.app import Supervisor
from desktop.supervisor.debug import debug_report


def handlers(supervisor: Supervisor) -> list[Route]:
    """All of them; desktop/supervisor/server.py checks that none is missing."""
    preferences, upkeep = supervisor.preferences, supervisor.upkeep

    async def end() -> AsyncIterator[Event]:
        try:
            async for event in supervisor.stop():
                yield event
        finally:
            supervisor.ending.set()

    return [
        ControlApi.status.handled_by(supervisor.status),
        ControlApi.watch.handled_by(supervisor.watch),
        ControlApi.boots.handled_by(supervisor.boots.list),
        ControlApi.start.handled_by(supervisor.start),
        ControlApi.stop.handled_by(supervisor.stop),
        ControlApi.restart.handled_by(supervisor.restart),
        ControlApi.end.handled_by(end),
        ControlApi.settings.handled_by(lambda: supervisor.settings().to_json()),
        ControlApi.set_settings.handled_by(preferences.change),
        ControlApi.settings_report.handled_by(preferences.report),
        ControlApi.menu.handled_by(preferences.set_menu),
        ControlApi.disk.handled_by(upkeep.disk),
        ControlApi.grow_disk.handled_by(upkeep.grow_disk),
        ControlApi.check_disk.handled_by(upkeep.check_disk),
        ControlApi.images.handled_by(upkeep.images),
        ControlApi.build_image.handled_by(upkeep.build_image),
        ControlApi.ports.handled_by(supervisor.ports),
        ControlApi.folders.handled_by(supervisor.folders.report),
        ControlApi.ssh.handled_by(upkeep.ssh),
        ControlApi.guest_log.handled_by(upkeep.guest_log),
        ControlApi.diagnose.handled_by(upkeep.diagnose),
        ControlApi.bundle.handled_by(upkeep.bundle),
        ControlApi.debug.handled_by(debug_report),
        ControlApi.context.handled_by(upkeep.context),
        ControlApi.use_context.handled_by(upkeep.use_context),
        ControlApi.restore_context.handled_by(upkeep.restore_context),
        ControlApi.change_helpers.handled_by(upkeep.change_helpers),
        ControlApi.reset_plan.handled_by(upkeep.reset.plan),
        ControlApi.reset.handled_by(upkeep.reset.run),
    ]
