"""The socket: a real call through it, and where that fails, the first hop which does."""

from __future__ import annotations

from desktop.control.schema import RunState
from desktop.diagnostics.base import Context, Finding

NAME = "socket"
DESCRIPTION = "A call through the Docker socket is answered"


async def look(context: Context) -> Finding:
    """See :class:`desktop.diagnostics.base.Diagnosis`."""
    status = context.status
    if status.state is RunState.RUNNING and status.engine is not None:
        hops = " → ".join(hop.name for hop in status.hops)
        return Finding(True, f"Moby {status.engine.version} answers on {status.socket} ({hops})")
    if status.failure is not None:
        return Finding(False, status.failure.message, status.failure.hint or "See: slipway logs")
    return Finding(None, status.summary, "Start it: slipway start")
