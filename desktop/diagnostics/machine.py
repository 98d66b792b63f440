"""Processes: at most one QEMU belongs to this installation, and Slipway manages it."""

from __future__ import annotations

import psutil

from desktop.diagnostics.base import Context, Finding

NAME = "machine"
DESCRIPTION = "QEMU processes"


async def check(context: Context) -> Finding:
    """Run the check."""
    known = context.status.machine.pid if context.status.machine is not None else None
    mark = str(context.paths.data_disk)
    strangers = []
    for process in psutil.process_iter(["pid", "name", "cmdline"]):
        words = process.info["cmdline"] or []
        if (
            (process.info["name"] or "").startswith("qemu-system")
            and process.info["pid"] != known
            and any(mark in word for word in words)
        ):
            strangers.append(process.info["pid"])
    if strangers:
        pids = " ".join(map(str, strangers))
        return Finding(
            False, f"QEMU {pids} uses the data disk, and Slipway does not manage it", f"End it: kill {pids}"
        )
    return Finding(True, f"QEMU {known} is managed by Slipway" if known else "QEMU is not running")
