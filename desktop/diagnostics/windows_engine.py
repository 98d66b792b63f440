"""Windows containers: whether their engine is set up completely, where there can be one."""

from __future__ import annotations

import asyncio

from desktop.diagnostics.base import Context, Finding
from desktop.windows_engine.requirements import Windows, is_set_up, look, requirements
from vm.host.paths import WINDOWS_ENGINE, windows_engine_program

NAME = "windows-containers"
DESCRIPTION = "Windows containers"

SETUP = "slipway engine setup"


async def check(context: Context) -> Finding:
    """Run the check."""
    if windows_engine_program():
        return Finding(None, f"the variable {WINDOWS_ENGINE} names a program in the place of the service")
    if context.host.no_windows_containers:
        return Finding(None, context.host.no_windows_containers)
    return explain(await asyncio.to_thread(look))


def explain(windows: Windows) -> Finding:
    """What a Windows is found to have."""
    if not is_set_up(windows):
        return Finding(None, f"not set up; that is done by: {SETUP}")
    missing = [one for one in requirements(windows) if not one.met]
    if not missing:
        return Finding(True, "set up")
    found = "; ".join(f"{one.title}: {one.fix}" for one in missing)
    return Finding(False, found, "Restart Windows." if windows.restart_pending else SETUP)
