"""Free space on the host: when it runs out, the machine is paused, not damaged."""

from __future__ import annotations

from desktop.diagnostics.base import Context, Finding
from vm.disk import HEADROOM

NAME = "disk-space"
DESCRIPTION = "Free disk space"

LITTLE = 5 * 1024**3
"""Bytes that a few images can fill."""


async def check(context: Context) -> Finding:
    """Run the check."""
    free = context.host.free_bytes(context.paths.home)
    found = f"{free / 1e9:.1f} GB are free"
    if free < HEADROOM:
        return Finding(False, found, f"Free some disk space: at least {HEADROOM / 1e9:.1f} GB are needed.")
    return Finding(True, f"{found}, which a few images can fill" if free < LITTLE else found)
