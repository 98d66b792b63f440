"""The TLS listener: whether it listens where it should. Off is how it comes."""

from __future__ import annotations

from desktop.control.schema import PartState
from desktop.diagnostics.base import Context, Finding

NAME = "tls"
DESCRIPTION = "TLS for other computers"


async def check(context: Context) -> Finding:
    """Run the check."""
    status = context.status
    if status.tls:
        return Finding(True, f"clients with a certificate reach the engine at {status.tls}")
    part = next((part for part in status.parts if part.name == NAME), None)
    if part is None or part.state is PartState.IDLE:
        return Finding(True, "off")
    return Finding(False, part.error or "it does not listen", "See: slipway tls status")
