"""Limits of containers, and a machine whose memory containers have used up.

The machine's own programs keep working then: the engine's API, names, the clock, the shell.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from installers.checkout import system
from tests.e2e.cli import Program, venv_program
from tests.e2e.conftest import START_SECONDS, RunningMachine
from tests.e2e.leftovers import assert_nothing_left
from vm.host import host

pytestmark = pytest.mark.machine

MIB = 1 << 20
FILES = 1048576
"""The limit of open files, soft and hard, that containers have with Docker Desktop."""

SMALL_MIB = 1024
HOGS = 60

HOG = "while :; do tail -c 300m {source} >/dev/null; done"
"""Keeps 300 MiB, or what it gets of them, and reads on."""

FULL_SECONDS = 180.0
"""Within which the memory is full, and a first program is ended."""

HOG_SECONDS = 30.0
"""How long the machine is watched while its memory is full."""

ANSWER_SECONDS = 10.0
"""Within which every call is answered then, on an emulated machine whose processors are busy as well."""

CLOCK_SECONDS = 1.0


def within_machine(slipway: Program, command: str) -> str:
    """What a command prints in the machine."""
    return slipway("shell", "--", "sh", "-c", command)


# -- limits of containers -----------------------------------------------------------------------------------------


def test_the_engine_has_no_warnings(docker: Program) -> None:
    assert json.loads(docker("info", "--format", "{{json .Warnings}}")) in (None, [])
    told = docker.run("info")
    assert "WARNING" not in told.out + told.err


@pytest.mark.parametrize(
    ("options", "swap"),
    [
        (("-m", "64m"), 64 * MIB),  # as much again is docker's default
        (("-m", "64m", "--memory-swap", "96m"), 32 * MIB),
        (("-m", "64m", "--memory-swap", "64m"), 0),
        (("-m", "64m", "--memory-swap", "-1"), None),
    ],
)
def test_memory_and_swap_are_limited(
    docker: Program, busybox: str, options: tuple[str, ...], swap: int | None
) -> None:
    read = "cd /sys/fs/cgroup && cat memory.max memory.swap.max"
    result = docker.run("run", "--rm", *options, busybox, "sh", "-c", read)
    assert (result.code, result.err) == (0, "")
    assert result.out.split() == [str(64 * MIB), "max" if swap is None else str(swap)]


def test_a_limit_is_changed_while_the_container_runs(docker: Program, busybox: str, name: str) -> None:
    docker("run", "-d", "--name", name, "-m", "64m", busybox, "sleep", "1000")
    result = docker.run("update", "-m", "32m", "--memory-swap", "48m", name)
    assert (result.code, result.err) == (0, "")
    read = docker("exec", name, "sh", "-c", "cd /sys/fs/cgroup && cat memory.max memory.swap.max")
    assert read.split() == [str(32 * MIB), str(16 * MIB)]


def test_a_program_over_its_limit_is_ended(docker: Program, busybox: str, name: str) -> None:
    """Only with its swap is it out of memory, and the machine is not."""
    script = "set -o pipefail; head -c 50m /dev/urandom | tail -c 50m | wc -c"
    run = ("-m", "32m", busybox, "sh", "-c", script)
    assert docker("run", "--rm", "--memory-swap", "96m", *run) == str(50 * MIB)
    result = docker.run("run", "--name", name, "--memory-swap", "32m", *run)
    assert result.code == 137, f"\n{result}"
    assert docker("inspect", "-f", "{{.State.OOMKilled}}", name) == "true"


def test_open_files(docker: Program, busybox: str, name: str, tmp_path: Path) -> None:
    """Of containers, of programs added to them, and of a build's steps."""
    read = "ulimit -Sn; ulimit -Hn"
    docker("run", "-d", "--name", name, busybox, "sh", "-c", f"{read}; sleep 1000")
    assert docker("exec", name, "sh", "-c", read).split() == [str(FILES)] * 2
    assert docker("logs", name).split() == [str(FILES)] * 2
    (tmp_path / "Dockerfile").write_text(f"FROM {busybox}\nRUN ({read}) >/limits\nCMD cat /limits\n")
    docker("build", "--no-cache", "-q", "-t", name, tmp_path)
    assert docker("run", "--rm", name).split() == [str(FILES)] * 2
    docker("rmi", name)


# -- who is protected ---------------------------------------------------------------------------------------------


def test_the_machines_own_programs_are_protected(machine: RunningMachine, docker: Program, busybox: str) -> None:
    """All of them, whatever starts them: in a cgroup that keeps its memory, and the last to be ended.

    Not in it, or not last, are what users run: containers, and the shell that this test looks with.
    """
    script = (
        'for p in /proc/[0-9]*; do [ -n "$(cat $p/cmdline 2>/dev/null)" ] || continue;'
        " echo \"$(cut -d: -f3 $p/cgroup) $(cat $p/oom_score_adj) $(tr '\\0' ' ' <$p/cmdline)\"; done;"
        ' for c in /sys/fs/cgroup/*/memory.min; do echo "min $c $(cat $c)"; done'
    )
    lines = [line.split(" ", 2) for line in within_machine(machine.slipway, script).splitlines()]
    protected = {Path(words[1]).parent.name for words in lines if words[0] == "min" and int(words[2]) > 0}
    assert {"slipway", "sshd", "containerd", "dockerd"} <= protected
    seen: set[str] = set()
    for cgroup, score, command in (words for words in lines if words[0] != "min" and len(words) == 3):
        top = cgroup.strip("/").split("/")[0]
        if top == "docker" or (top == "sshd" and "sshd: " not in command and "/sshd" not in command):
            continue
        assert top in protected, command
        assert int(score) <= -998 or top == "sshd", f"{score} {command}"
        seen.add(command.split()[0].rsplit("/", 1)[-1])
    assert {"agent", "dns_proxy", "dockerd", "containerd"} <= seen


def test_what_users_run_is_not_protected(
    machine: RunningMachine, docker: Program, busybox: str, name: str, tmp_path: Path
) -> None:
    read = "cat /proc/self/oom_score_adj"
    assert docker("run", "--rm", busybox, "sh", "-c", read) == "0"
    assert within_machine(machine.slipway, read) == "0"
    (tmp_path / "Dockerfile").write_text(f"FROM {busybox}\nRUN {read} >/score\nCMD cat /score\n")
    docker("build", "--no-cache", "-q", "-t", name, tmp_path)
    assert docker("run", "--rm", name) == "0"
    docker("rmi", name)


def test_swap_is_memory_and_never_the_disk(machine: RunningMachine) -> None:
    command = "tail -n +2 /proc/swaps; read -r _ total _ </proc/meminfo; echo $total"
    swap, total = within_machine(machine.slipway, command).splitlines()
    device, _, size, *_ = swap.split()
    assert device == "/dev/zram0"
    assert int(size) == pytest.approx(min(int(total) // 2, 4 << 20), abs=8)


# -- a machine whose memory is full -------------------------------------------------------------------------------


@dataclass(frozen=True)
class SmallMachine:
    slipway: Program
    docker: Program
    image: str


@pytest.fixture(scope="module")
def small(
    tmp_path_factory: pytest.TempPathFactory, busybox_archives: dict[str, tuple[Path, str]]
) -> Iterator[SmallMachine]:
    """A machine of its own with little memory."""
    home = Path(tempfile.mkdtemp(prefix="slipway-", dir="/tmp")).resolve()
    environment = {"SLIPWAY_HOME": str(home), "DOCKER_CONFIG": str(tmp_path_factory.mktemp("docker-config"))}
    slipway = Program((str(venv_program("slipway")),), environment)
    program = system.find_program("docker")
    assert program
    docker = Program((program,), {**environment, "DOCKER_HOST": f"unix://{home / 'run' / 'docker.sock'}"})
    try:
        slipway("settings", "set", "memory_mib", str(SMALL_MIB))
        slipway("start", timeout=START_SECONDS)
        archive, image = busybox_archives[host().arch.value]
        docker("load", "-i", archive)
        yield SmallMachine(slipway, docker, image)
    finally:
        slipway.run("stop", timeout=300)
    assert_nothing_left(home)
    shutil.rmtree(home)


def timed(call: Callable[[], object]) -> float:
    """The seconds that a call takes."""
    began = time.monotonic()
    call()
    return time.monotonic() - began


def memory_of(slipway: Program) -> dict[str, Any]:
    """What the status says about the machine's memory, whatever else it says."""
    found: dict[str, Any] = json.loads(slipway.run("status", "--json").out)["memory"]
    return found


def clock_error(slipway: Program) -> float:
    """By how many seconds the machine's clock is certainly wrong."""
    before = time.time()
    there = float(within_machine(slipway, "echo $EPOCHREALTIME"))
    return max(0.0, before - there, there - time.time())


@pytest.mark.parametrize("source", ["/dev/urandom", "/dev/zero"])
def test_the_machine_answers_while_its_memory_is_full(small: SmallMachine, source: str) -> None:
    """Sixty processes take all there is, again and again; each is ended by the kernel, and nothing else.

    What they have cannot be compressed at all, or to nothing.
    """
    slipway, docker = small.slipway, small.docker
    script = f"i=0; while [ $i -lt {HOGS} ]; do ({HOG.format(source=source)}) & i=$((i+1)); done; wait"
    pids = within_machine(slipway, "cat /run/docker.pid; pidof containerd agent")
    before = memory_of(slipway)["ended"]
    docker.run("rm", "-f", "hogs")
    docker("run", "-d", "--name", "hogs", small.image, "sh", "-c", script)
    deadline = time.monotonic() + FULL_SECONDS
    while (memory := memory_of(slipway))["ended"] == before:
        assert time.monotonic() < deadline, memory
    took: dict[str, list[float]] = {}
    calls: dict[str, Callable[[], object]] = {
        "ps": lambda: docker("ps"),
        "inspect": lambda: docker("inspect", "hogs"),
        "shell": lambda: within_machine(slipway, "true"),
        "status": lambda: memory_of(slipway),
    }
    wrong = 0.0
    end = time.monotonic() + HOG_SECONDS
    while time.monotonic() < end:
        for what, call in calls.items():
            took.setdefault(what, []).append(timed(call))
        wrong = max(wrong, clock_error(slipway))
    print({what: f"{max(times):.1f} s of {len(times)}" for what, times in took.items()}, f"clock {wrong:.3f} s")
    assert max(max(times) for times in took.values()) < ANSWER_SECONDS, took
    assert wrong < CLOCK_SECONDS
    told = slipway.run("status").out
    assert "memory is full" in told
    assert f"slipway settings set memory_mib {2 * SMALL_MIB}" in told
    assert timed(lambda: docker("rm", "-f", "hogs")) < 2 * ANSWER_SECONDS
    assert docker("run", "--rm", small.image, "echo", "on") == "on"
    assert within_machine(slipway, "cat /run/docker.pid; pidof containerd agent") == pids
