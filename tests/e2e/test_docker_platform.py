"""Containers of the other architecture, run by emulation inside the machine (binfmt_misc)."""

from __future__ import annotations

import pytest

from installers.checkout.fetch import FOREIGN
from tests.e2e.cli import Program
from tests.e2e.conftest import RunningMachine
from vm.host import host

pytestmark = pytest.mark.machine

MACHINE_NAMES = {"amd64": "x86_64", "arm64": "aarch64"}


def test_the_other_architecture_runs(docker: Program, machine: RunningMachine, foreign_image: str) -> None:
    foreign = FOREIGN[host().arch.value]
    script = "uname -m; echo out | tr o O; exit 6"
    result = docker.run("run", "--rm", "--platform", f"linux/{foreign}", foreign_image, "sh", "-c", script)
    assert (result.code, result.out) == (6, f"{MACHINE_NAMES[foreign]}\nOut\n"), f"\n{result}"


def test_own_architecture_when_asked(docker: Program, busybox: str) -> None:
    own = host().arch.value
    assert docker("run", "--rm", "--platform", f"linux/{own}", busybox, "uname", "-m") == MACHINE_NAMES[own]
