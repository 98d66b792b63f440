"""Files of the host that Slipway passed over, and what else is not as it should be though Slipway runs."""

from __future__ import annotations

from desktop.diagnostics.base import Context, Finding

NAME = "warnings"
DESCRIPTION = "Optional files and the proxy"


async def check(context: Context) -> Finding:
    """Run the check."""
    warnings = context.status.warnings
    if not warnings:
        return Finding(True, "nothing was passed over")
    hints = dict.fromkeys(warning.hint for warning in warnings if warning.hint)
    return Finding(False, "; ".join(warning.message for warning in warnings), "; ".join(hints))
