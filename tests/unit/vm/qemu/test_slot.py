"""The spare slot: one disk, found again by the next supervisor, and nothing half plugged in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from vm.errors import MachineError
from vm.qemu.slot import SpareSlot


class Qemu:
    """Keeps block nodes; refuses a device if told to."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.nodes = ["root", "data"]
        self.devices: list[Mapping[str, object]] = []
        self._refuses = refuses

    async def execute(self, command: str, arguments: Mapping[str, object]) -> Any:
        if command == "query-named-block-nodes":
            return [{"node-name": name} for name in self.nodes]
        if command == "blockdev-add":
            assert arguments["read-only"] is True
            self.nodes.append(str(arguments["node-name"]))
        elif command == "blockdev-del":
            self.nodes.remove(str(arguments["node-name"]))
        else:
            assert command == "device_add"
            if self._refuses:
                raise MachineError("QEMU refused")
            self.devices.append(arguments)
        return {}


async def test_a_disk_is_plugged_in_and_found_again() -> None:
    qemu = Qemu()
    assert await SpareSlot(qemu.execute).occupant() == ""
    await SpareSlot(qemu.execute).plug(Path("/images/k.erofs"), "slipway-kubernetes")
    assert await SpareSlot(qemu.execute).occupant() == "slipway-kubernetes"
    (device,) = qemu.devices
    assert (device["bus"], device["serial"]) == ("spare", "slipway-kubernetes")


async def test_what_qemu_refuses_leaves_nothing() -> None:
    qemu = Qemu(refuses=True)
    with pytest.raises(MachineError, match="refused"):
        await SpareSlot(qemu.execute).plug(Path("/images/k.erofs"), "slipway-kubernetes")
    assert qemu.nodes == ["root", "data"]
