"""The machine's memory: when it is full, containers become slow and the kernel ends their programs."""

from __future__ import annotations

from desktop.diagnostics.base import Context, Finding

NAME = "memory"
DESCRIPTION = "Memory of the machine"


async def check(context: Context) -> Finding:
    """Run the check."""
    memory = context.status.memory
    if memory is None:
        return Finding(None, "the machine is not running")
    if memory.shortage:
        return Finding(False, memory.shortage, memory.hint)
    return Finding(True, f"{memory.available >> 20} of {memory.total >> 20} MiB are available")
