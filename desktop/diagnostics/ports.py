"""Published ports: if a port is in use when the engine starts a container by itself, it is published later."""

from __future__ import annotations

from desktop.diagnostics.base import Context, Finding

NAME = "ports"
DESCRIPTION = "Published ports"


async def check(context: Context) -> Finding:
    """Run the check."""
    if not context.waiting_ports:
        return Finding(True, "no port is in use by another program")
    return Finding(
        False,
        "; ".join(context.waiting_ports),
        "End the program that uses the port; it is then published within seconds. Or publish another port.",
    )
