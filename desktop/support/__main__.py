"""``python -m desktop.support``: print the bundle as JSON, for when there is no supervisor to collect it."""

from __future__ import annotations

import asyncio
import os

from desktop.control.codec import encode
from desktop.control.schema import BundleFile, ContextReport, LogPart, RunState, Status
from desktop.diagnostics import Context
from desktop.settings.schema import Settings, SettingsError
from desktop.settings.store import SettingsStore
from desktop.support.bundle import collect
from vm.errors import HostError
from vm.host import host

WHY = "the supervisor is not running"


async def collect_alone() -> list[BundleFile]:
    """Collect what is available without a supervisor."""
    computer = host()
    paths = computer.paths()
    settings: Settings | SettingsError
    try:
        settings = SettingsStore(paths.settings).load()
    except SettingsError as error:
        settings = error
    status = Status(RunState.UNREACHABLE, WHY, paths.docker_host)
    return await collect(Context(paths, computer, settings, status, dict(os.environ)), _no_context(), (), _no_log)


async def _no_context() -> ContextReport:
    raise HostError(WHY)


async def _no_log(source: str, offset: int) -> LogPart:
    raise HostError(WHY)


if __name__ == "__main__":
    print(encode(asyncio.run(collect_alone())).decode())
