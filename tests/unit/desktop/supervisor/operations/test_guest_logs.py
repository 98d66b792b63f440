"""The log of the engine for Windows containers, beside those of the machine."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from desktop.supervisor.engines.windows import WindowsEngine
from desktop.supervisor.operations.guest_logs import GuestLogs
from tests.unit.sshd import eventually
from vm.errors import MachineError
from vm.guest.stream import Link
from vm.host import host
from vm.host.paths import Paths
from vm.qemu.record import Record
from vm.services.process import ProcessService


class NoGuest:
    """There is no machine."""

    running = False
    record: Record | None = None

    @property
    def link(self) -> Link:
        raise MachineError("The machine is not running")


async def test_a_program_in_its_place(tmp_path: Path) -> None:
    log = tmp_path / "log"
    argv = (sys.executable, "-I", "-S", "-c", "print('API listen')")
    service = ProcessService(argv, tmp_path / "record", log, host())
    engine = WindowsEngine(service, tmp_path / "socket", host(), "")
    logs = GuestLogs(Paths(tmp_path / "home", tmp_path / "cache"), NoGuest(), engine)
    await service.start()
    await eventually(lambda: log.read_text() == "API listen\n")
    part = await logs.read("windows", 0)
    assert part.text == "API listen\n"
    assert (await logs.read("windows", part.next)).text == ""
    await service.stop()


async def test_where_there_can_be_none(tmp_path: Path) -> None:
    logs = GuestLogs(Paths(tmp_path / "home", tmp_path / "cache"), NoGuest(), None)
    with pytest.raises(MachineError, match="There is no log “windows”"):
        await logs.read("windows", 0)
