"""What a hostile container can reach: every port of every address, and no engine or control port among them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import psutil
import pytest

from tests.e2e.cli import Program
from tests.e2e.conftest import RunningMachine
from tests.e2e.watching import compile_program
from vm.qemu.record import Record

pytestmark = pytest.mark.machine

SSH, NAMES = 22, 53
"""All that listens in the machine: for who has the installation's key, and for anybody's questions about names."""

HOST = "10.0.2.2"
"""The host's loopback, as QEMU's user network shows it to the machine."""


@pytest.fixture(scope="module")
def scanner(machine: RunningMachine, shared_folder: Path) -> Path:
    return compile_program("scan.c", shared_folder / "scan")


@pytest.fixture
def scan(docker: Program, busybox: str, scanner: Path) -> Scan:
    return Scan(docker, busybox, scanner)


class Scan:
    """Scans from inside a container."""

    def __init__(self, docker: Program, image: str, program: Path) -> None:
        self._docker = docker
        self._words = ("-v", f"{program}:/scan:ro", image, "/scan")

    def __call__(self, address: str, network: str = "bridge") -> set[int]:
        """The ports of ``address`` that take connections."""
        out = self._docker("run", "--rm", "--network", network, *self._words, address, timeout=300)
        return set(map(int, out.split()))


def ours(machine: RunningMachine) -> set[psutil.Process]:
    """The processes of this installation: all that have its folder open or in their command line."""
    home = str(machine.home)
    found = set()
    for process in psutil.process_iter():
        try:
            named = any(home in word for word in process.cmdline())
            if named or process.environ().get("SLIPWAY_HOME") == home:
                found.add(process)
        except psutil.Error:  # ended meanwhile, or somebody else's
            continue
    return found


def read_record(machine: RunningMachine) -> Record:
    record = Record.read(machine.home / "run" / "qemu.json")
    assert record is not None
    return record


def listening(processes: set[psutil.Process]) -> set[int]:
    """The TCP ports that they listen on, whatever the address."""
    found: set[int] = set()
    for process in processes:
        try:
            sockets = process.net_connections("tcp")
        except psutil.NoSuchProcess:  # one of the command line's
            continue
        found |= {one.laddr.port for one in sockets if one.status == psutil.CONN_LISTEN}
    return found


@pytest.mark.parametrize("network", ["bridge", "host"])
def test_the_machine_has_no_port_but_ssh_and_names(scan: Scan, network: str) -> None:
    addresses = ["10.0.2.15", "172.17.0.1"] if network == "bridge" else ["127.0.0.1", "::1"]
    for address in addresses:
        assert scan(address, network) <= {SSH, NAMES}, address


def test_this_computer_shows_no_port_of_ours_but_ssh(scan: Scan, machine: RunningMachine) -> None:
    processes = ours(machine)
    names = {process.name() for process in processes}
    assert any(name.startswith("qemu") for name in names), names
    assert len(processes) >= 2, "the supervisor is among them"
    open_here = listening(processes)
    assert open_here == {read_record(machine).ssh_port}, "and none at any other address"
    assert open_here <= scan(HOST), "the scan finds what is there"


def test_ssh_wants_the_key(machine: RunningMachine) -> None:
    """Nothing else gets in: no password, and not nothing at all."""
    port = read_record(machine).ssh_port
    options = (
        "BatchMode=yes",
        "PubkeyAuthentication=no",
        "StrictHostKeyChecking=no",
        "UserKnownHostsFile=/dev/null",
    )
    words = [word for option in options for word in ("-o", option)]
    argv = ["ssh", "-F", "none", *words, "-p", str(port), "root@127.0.0.1", "true"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 255
    assert "Permission denied (publickey)." in done.stderr


def test_no_abstract_socket_is_there_for_host_networking(docker: Program, busybox: str) -> None:
    """A container with the machine's network shares its abstract Unix sockets, which have no file's rights."""
    table = docker("run", "--rm", "--network", "host", busybox, "cat", "/proc/net/unix").splitlines()
    assert table[0].endswith("Path")
    assert [line for line in table[1:] if " @" in line] == []
