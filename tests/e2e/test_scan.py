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

LISTEN = "0A"
"""A listening socket in the kernel's list (proc_pid_net(5))."""

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

    def __call__(self, address: str, network: str = "bridge", ports: tuple[int, int] = (1, 65535)) -> set[int]:
        """The ports of ``address`` that take connections, of those from one to another."""
        words = ("run", "--rm", "--network", network, *self._words, address, *map(str, ports))
        out = self._docker(*words, timeout=300)
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


def test_the_machine_listens_at_no_port_but_ssh_and_names(docker: Program, busybox: str) -> None:
    """By the kernel's own list, of all its addresses."""
    table = docker("run", "--rm", "--network", "host", busybox, "cat", "/proc/net/tcp", "/proc/net/tcp6")
    rows = [line.split() for line in table.splitlines() if "local_address" not in line]
    ports = {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == LISTEN}
    assert SSH in ports, "the list is one"
    assert ports <= {SSH, NAMES}


@pytest.mark.parametrize(
    ("network", "address"),
    [
        ("bridge", "172.17.0.1"),
        *(
            pytest.param(network, address, marks=pytest.mark.slow("two minutes"))
            for network, address in (("bridge", "10.0.2.15"), ("host", "127.0.0.1"), ("host", "::1"))
        ),
    ],
)
def test_nor_can_another_be_reached(scan: Scan, network: str, address: str) -> None:
    assert scan(address, network) <= {SSH, NAMES}


def test_this_computer_shows_no_port_of_ours_but_ssh(scan: Scan, machine: RunningMachine) -> None:
    processes = ours(machine)
    names = {process.name() for process in processes}
    assert any(name.startswith("qemu") for name in names), names
    assert len(processes) >= 2, "the supervisor is among them"
    open_here = listening(processes)
    ssh = read_record(machine).ssh_port
    assert open_here == {ssh}, "and none at any other address"
    assert ssh in scan(HOST, ports=(ssh, ssh)), "a container finds what is there"


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
