"""Shared folders: each is there in the machine, and what carries it answers."""

from __future__ import annotations

from desktop.control.schema import MOUNTED
from desktop.diagnostics.base import Context, Finding

NAME = "folders"
DESCRIPTION = "Shared folders are there in the machine"


async def look(context: Context) -> Finding:
    """See :class:`desktop.diagnostics.base.Diagnosis`."""
    if context.status.machine is None or context.status.machine.pid is None:
        return Finding(None, "the machine does not run", "Start it: slipway start")
    amiss = [f"{item.folder}: {item.state}" for item in context.folders if item.state != MOUNTED]
    if amiss:
        return Finding(False, "; ".join(amiss), "If it does not come back by itself: slipway restart")
    return Finding(True, f"{len(context.folders)} shared, all there")
