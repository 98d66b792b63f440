"""Published ports: one that is taken when its container is started by the engine itself waits until it is free."""

from __future__ import annotations

from desktop.diagnostics.base import Context, Finding

NAME = "ports"
DESCRIPTION = "This computer listens for what running containers publish"


async def look(context: Context) -> Finding:
    """See :class:`desktop.diagnostics.base.Diagnosis`."""
    if not context.waiting_ports:
        return Finding(True, "no port that a container needs is taken")
    return Finding(
        False,
        "; ".join(context.waiting_ports),
        "End what has the port; the container gets it within seconds. Or publish another one.",
    )
