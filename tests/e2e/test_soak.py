"""Many containers are created and removed: descriptors, memory and the guest's processes do not grow."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.bench.raw import Connection
from tests.e2e.conftest import RunningMachine
from tests.localhost import free_port

pytestmark = pytest.mark.machine

WARM_UP = 10
"""Creates before the first count: caches and pools are full then."""

MIB = 1 << 20
MEMORY_BYTES = 12 * MIB
"""What the supervisor may grow by, however many creates there are: the allocator's slack."""

SETTLE_SECONDS = 60.0


@dataclass(frozen=True)
class Counts:
    """What an installation holds. :ivar memory: the supervisor's own, in bytes (USS)."""

    supervisor_files: int
    qemu_files: int
    guest_processes: int
    memory: int

    def fits(self, before: Counts) -> bool:
        """No more than before, but for a connection that is just being closed and the allocator's slack."""
        return (
            self.supervisor_files <= before.supervisor_files + 2
            and self.qemu_files <= before.qemu_files + 2
            and self.guest_processes <= before.guest_processes
            and self.memory <= before.memory + MEMORY_BYTES
        )


def count(machine: RunningMachine) -> Counts:
    status = json.loads(machine.slipway("status", "--json"))
    supervisor, qemu = psutil.Process(status["supervisor_pid"]), psutil.Process(status["machine"]["pid"])
    # kernel threads come and go; a program's process has a link to it
    programs = "ls -l /proc/[0-9]*/exe 2>/dev/null | grep -c -e '->'"
    guest = machine.slipway("shell", "--", "sh", "-c", programs)
    return Counts(supervisor.num_fds(), qemu.num_fds(), int(guest), supervisor.memory_full_info().uss)


def create_and_remove(machine: RunningMachine, image: str, folder: Path, times: int) -> None:
    """Each on connections of its own, as the docker command does, with a port and a folder to check."""
    body = {
        "Image": image,
        "Cmd": ["true"],
        "ExposedPorts": {"80/tcp": {}},
        "HostConfig": {
            "Binds": [f"{folder}:/shared"],
            "PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(free_port())}]},
        },
    }
    for _ in range(times):
        with Connection(machine.socket) as connection:
            made = connection.ask_json("POST", "/containers/create", body)
        with Connection(machine.socket) as connection:
            connection.ask("DELETE", f"/containers/{made['Id']}?force=1&v=1")


@pytest.mark.parametrize(
    "times", [50, pytest.param(1000, marks=[pytest.mark.slow("1,000 containers"), pytest.mark.timeout(3600)])]
)
def test_creates_leave_nothing(machine: RunningMachine, busybox: str, shared_folder: Path, times: int) -> None:
    create_and_remove(machine, busybox, shared_folder, WARM_UP)
    before = count(machine)
    create_and_remove(machine, busybox, shared_folder, times)
    deadline = time.monotonic() + SETTLE_SECONDS
    while not (after := count(machine)).fits(before):
        assert time.monotonic() < deadline, f"{before} before {times} creates, {after} afterwards"
        time.sleep(1)
