"""The data disk: qemu-img checks it while the machine is stopped."""

from __future__ import annotations

from desktop.diagnostics.base import Context, Finding
from vm.disk import DataDisk, Health

NAME = "data-disk"
DESCRIPTION = "Data disk"


async def check(context: Context) -> Finding:
    """Run the check."""
    path = context.paths.data_disk
    if not path.exists():
        return Finding(None, "it is created at the first start")
    disk = DataDisk(path, context.host)
    info = await disk.info()
    size = f"{info.virtual_size / 1024**3:.0f} GiB, {info.allocated / 1e6:.0f} MB used"
    if context.status.machine is not None and context.status.machine.pid is not None:
        return Finding(True, f"{size}; only the header was checked because the disk is in use")
    found = await disk.check()
    if found.health is Health.CORRUPT:
        return Finding(
            False, f"{size}; {found.corruptions} errors", "Back up the file, then run: slipway disk check --repair"
        )
    leaks = f"; {found.leaks} leaked clusters, which are harmless" if found.leaks else ""
    return Finding(True, size + leaks)
