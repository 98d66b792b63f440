"""QEMU: without it, or with one too old, no machine starts."""

from __future__ import annotations

import asyncio

from desktop.diagnostics.base import Context, Finding
from vm.qemu.process import find_program, find_qemu

NAME = "qemu"
DESCRIPTION = "QEMU is installed and new enough"


async def look(context: Context) -> Finding:
    """See :class:`desktop.diagnostics.base.Diagnosis`."""
    found = await asyncio.to_thread(find_qemu, context.host.arch, context.host)
    tool = await asyncio.to_thread(find_program, "qemu-img", context.host)
    return Finding(True, f"{found}, {tool}")
