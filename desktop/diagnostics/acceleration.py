"""Acceleration: software emulation works everywhere, but is several times slower."""

from __future__ import annotations

from desktop.diagnostics.base import Context, Finding

NAME = "acceleration"
DESCRIPTION = "Hardware acceleration"


async def check(context: Context) -> Finding:
    """Run the check."""
    found = context.status.accelerator
    if found is None:
        obstacles = [
            f"{name.upper()}: {obstacle.why}"
            for name in context.host.accelerators(context.host.arch)
            if (obstacle := context.host.obstacle(name)) is not None
        ]
        return Finding(None, "; ".join(obstacles) or "it is tested at the next start", "Start it: slipway start")
    return Finding(not found.emulated, found.why, found.fix if found.emulated else "")
