"""The socket: a real call through it; if that fails, the first hop that fails."""

from __future__ import annotations

from desktop.control.schema import RunState
from desktop.diagnostics.base import Context, Finding

NAME = "socket"
DESCRIPTION = "Engine"


async def check(context: Context) -> Finding:
    """Run the check."""
    status = context.status
    if status.state is RunState.RUNNING and status.engine is not None:
        hops = " → ".join(hop.name for hop in status.hops)
        return Finding(True, f"Moby {status.engine.version} responds on {status.socket} ({hops})")
    if status.failure is not None:
        return Finding(False, status.failure.message, status.failure.hint or "See: slipway logs")
    return Finding(None, status.summary, "Start it: slipway start")
