"""QEMU: the machine needs it, in a recent version."""

from __future__ import annotations

import asyncio

from desktop.diagnostics.base import Context, Finding
from vm.qemu.process import find_program, find_qemu

NAME = "qemu"
DESCRIPTION = "QEMU"


async def check(context: Context) -> Finding:
    """Run the check."""
    found = await asyncio.to_thread(find_qemu, context.host.arch, context.host)
    tool = await asyncio.to_thread(find_program, "qemu-img", context.host)
    return Finding(True, f"{found}, {tool}")
