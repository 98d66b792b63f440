"""The data disk: checked by qemu-img while the machine does not use it."""

from __future__ import annotations

from desktop.diagnostics.base import Context, Finding
from vm.disk import DataDisk, Health

NAME = "data-disk"
DESCRIPTION = "The data disk is sound"


async def look(context: Context) -> Finding:
    """See :class:`desktop.diagnostics.base.Diagnosis`."""
    path = context.paths.data_disk
    if not path.exists():
        return Finding(None, "it is made at the first start")
    disk = DataDisk(path, context.host)
    info = await disk.info()
    size = f"{info.virtual_size / 1024**3:.0f} GiB, {info.allocated / 1e6:.0f} MB taken"
    if context.status.machine is not None and context.status.machine.pid is not None:
        return Finding(True, f"{size}; in use, so only its header was read")
    found = await disk.check()
    if found.health is Health.CORRUPT:
        return Finding(
            False, f"{size}; {found.corruptions} errors", "Copy the file, then: slipway disk check --repair"
        )
    leaks = f"; {found.leaks} clusters leaked, which is harmless" if found.leaks else ""
    return Finding(True, size + leaks, "slipway disk check --repair" if found.leaks else "")
