"""Free space on this computer: the machine is held, not damaged, when it runs out."""

from __future__ import annotations

from desktop.diagnostics.base import Context, Finding
from vm.disk import HEADROOM

NAME = "disk-space"
DESCRIPTION = "This computer has free space for images and containers"

LITTLE = 5 * 1024**3
"""Bytes below which a few images fill the disk."""


async def look(context: Context) -> Finding:
    """See :class:`desktop.diagnostics.base.Diagnosis`."""
    free = context.host.free_bytes(context.paths.home)
    found = f"{free / 1e9:.1f} GB are free"
    if free < HEADROOM:
        return Finding(False, found, f"Free some space: at least {HEADROOM / 1e9:.1f} GB are needed.")
    fix = "Not much: think of freeing some." if free < LITTLE else ""
    return Finding(True, found, fix)
