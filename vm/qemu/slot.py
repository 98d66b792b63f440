"""The machine's spare slot: a disk that a running QEMU is given, by hot-plugging (QEMU's docs/pcie.txt).

The slot is a root port, which is there from the start; nothing else can be plugged in later. A disk stays in it
for as long as QEMU runs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from vm.qemu.command import SPARE_SLOT

Execute = Callable[[str, Mapping[str, object]], Awaitable[Any]]


class SpareSlot:
    """The slot of one running QEMU.

    :param execute: runs a QMP command.
    """

    def __init__(self, execute: Execute) -> None:
        self._execute = execute

    async def occupant(self) -> str:
        """The serial number of the disk in the slot; empty when there is none.

        :raise MachineError: QEMU does not answer.
        """
        nodes = await self._execute("query-named-block-nodes", {"flat": True})
        names = [str(node["node-name"]) for node in nodes]
        return next((name.removeprefix(PREFIX) for name in names if name.startswith(PREFIX)), "")

    async def plug(self, disk: Path, serial: str) -> None:
        """Give the guest a read-only disk.

        :param disk: a raw image.    :param serial: how the guest recognises it, at most 20 bytes.
        :raise MachineError: there is a disk in it already, or QEMU refuses.
        """
        node = f"{PREFIX}{serial}"
        file = {"driver": "file", "filename": str(disk)}
        await self._execute("blockdev-add", {"driver": "raw", "node-name": node, "read-only": True, "file": file})
        try:
            device = {"driver": "virtio-blk-pci", "id": node, "drive": node, "serial": serial, "bus": SPARE_SLOT}
            await self._execute("device_add", device)
        except BaseException:
            await self._execute("blockdev-del", {"node-name": node})
            raise


PREFIX = "slot-"
"""What the names of its block nodes begin with."""
