"""Shared folders: each is mounted in the machine and responds."""

from __future__ import annotations

from desktop.control.schema import MOUNTED
from desktop.diagnostics.base import Context, Finding

NAME = "folders"
DESCRIPTION = "Shared folders"


async def check(context: Context) -> Finding:
    """Run the check."""
    if context.status.machine is None or context.status.machine.pid is None:
        return Finding(None, "the machine is not running", "Start it: slipway start")
    failed = [f"{item.folder}: {item.state}" for item in context.folders if item.state != MOUNTED]
    if failed:
        return Finding(False, "; ".join(failed), "If it does not recover by itself: slipway restart")
    return Finding(True, f"{len(context.folders)} shared, all mounted")
