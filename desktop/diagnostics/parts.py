"""Parts: published ports, shared folders and others run beside the engine, and are restarted when they fail."""

from __future__ import annotations

from desktop.control.schema import PartState
from desktop.diagnostics.base import Context, Finding

NAME = "parts"
DESCRIPTION = "Parts beside the engine"


async def check(context: Context) -> Finding:
    """Run the check."""
    parts = context.status.parts
    if not parts:
        return Finding(None, "Slipway's background process reports no parts")
    failed = [part for part in parts if part.state in (PartState.RESTARTING, PartState.DEGRADED)]
    if failed:
        return Finding(
            False,
            "; ".join(f"{part.name}: {part.error}{_count(part.failures)}" for part in failed),
            "Slipway tries again. If it does not recover: slipway restart. For a bug report: slipway debug",
        )
    recovered = [f"{part.name}{_count(part.failures)}" for part in parts if part.failures]
    return Finding(True, "; ".join(["no part is failing", *recovered]))


def _count(failures: int) -> str:
    return "" if not failures else " (1 failure)" if failures == 1 else f" ({failures} failures)"
