"""What the tests of Machine share: a machine of their own with a fake QEMU and a fake link."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import signal
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.unit.carriers import MemoryLink, refuse
from vm.errors import UserError
from vm.guest.stream import Link
from vm.host import Host, host
from vm.host.paths import Paths
from vm.machine import Machine
from vm.qemu.record import Record
from vm.spec import Accelerator, Arch, BootFiles, DiskSpec, MachineSpec
from vm.state import MachineState


@dataclass
class Dialler:
    """Opens links in memory; ``failures`` come first."""

    failures: list[UserError] = field(default_factory=list)
    links: list[MemoryLink] = field(default_factory=list)
    ports: list[int] = field(default_factory=list)
    hang: bool = False

    async def __call__(self, host: str, port: int, **rest: Any) -> Link:
        self.ports.append(port)
        if self.hang:
            await asyncio.Event().wait()
        if self.failures:
            raise self.failures.pop(0)
        self.links.append(MemoryLink(refuse))
        return self.links[-1]


class Kit:
    """A home, a fake QEMU and what to make of them."""

    def __init__(self, folder: Path, environment: Callable[[str, str], None]) -> None:
        self.paths = Paths(folder / "home", folder / "cache")
        self.paths.prepare()
        self.host: Host = host()
        self.dial = Dialler()
        self._environment = environment
        self.program = folder / "qemu-system-x86_64"
        fake = Path(__file__).with_name("fake_qemu.py")
        self.program.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, "-I", "-S", str(fake)])} "$@"\n')
        self.program.chmod(0o755)
        image = folder / "image"
        image.mkdir()
        for name in ("kernel", "initramfs", "root.erofs"):
            (image / name).touch()
        self.spec = MachineSpec(
            qemu=self.program,
            accelerator=Accelerator.KVM,
            boot=BootFiles(Arch.AMD64, image / "kernel", image / "initramfs", image / "root.erofs", "f00d"),
            disk=DiskSpec(self.paths.data_disk, 4),
            cpus=2,
            memory_mib=512,
            qmp_socket=self.paths.qmp_socket,
            control_socket=self.paths.guest_socket,
            console_log=self.paths.console_log,
        )

    def plan(self, **plan: Any) -> None:
        """Tell the next fake QEMU how to behave."""
        self._environment("FAKE_QEMU", json.dumps(plan))

    def machine(self) -> tuple[Machine, list[MachineState]]:
        """A machine and the list in which its states appear."""
        machine = Machine(self.paths, self.host, dial=self.dial)
        states: list[MachineState] = [machine.state]
        machine.changed.append(lambda old, new: states.append(new))
        return machine, states

    def machine_record(self) -> Record:
        """What is written down of the QEMU that runs."""
        record = Record.read(self.paths.qemu_record)
        assert record is not None
        return record

    def said(self) -> list[str]:
        """What the fake QEMU was asked, in order."""
        log = self.paths.run / "fake.log"
        return (
            [line for line in log.read_text().splitlines() if not line.startswith("argv")] if log.exists() else []
        )

    def argv(self) -> list[list[str]]:
        """The command lines of the fake QEMUs started so far."""
        lines = (self.paths.run / "fake.log").read_text().splitlines()
        return [json.loads(line.removeprefix("argv ")) for line in lines if line.startswith("argv ")]

    def alive(self, pid: int) -> bool:
        return self.host.birth(pid) is not None


async def pretend(machine: Machine, **event: Any) -> None:
    """Make the fake QEMU report an event."""
    await machine.execute("x-event", event)


async def until(condition: Callable[[], bool], timeout: float = 5) -> None:
    """Wait until ``condition`` holds."""
    async with asyncio.timeout(timeout):
        while not condition():  # the conditions of many tests, none of which announces itself
            await asyncio.sleep(0.01)


@pytest.fixture
async def kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Kit]:
    kit = Kit(tmp_path, monkeypatch.setenv)
    yield kit
    record = Record.read(kit.paths.qemu_record)
    if record is not None and kit.host.birth(record.pid) == record.birth:
        os.kill(record.pid, signal.SIGKILL)
        raise AssertionError("the test left a QEMU behind")


def no_qemu_left(kit: Kit) -> bool:
    """Whether no process runs with this test's sockets on its command line."""
    home = str(kit.paths.home)
    for process in psutil.process_iter(["cmdline"]):
        if any(home in argument for argument in process.info["cmdline"] or []):
            return False
    return not kit.paths.qemu_record.exists()
