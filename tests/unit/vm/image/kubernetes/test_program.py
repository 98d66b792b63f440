"""What is ours in the Go program: its own tests, by Go. The parts of Kubernetes are not compiled for them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

import vm.image
from installers.common.packages import KUBERNETES_GO_LOCK, go_toolchain

PROGRAM = Path(vm.image.__file__).parent / "kubernetes" / "program"


def go(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = go_toolchain(KUBERNETES_GO_LOCK) / "bin" / "go"
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local"}
    return subprocess.run(
        [program, *arguments], cwd=PROGRAM, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("package", ["metrics", "pki", "store", "supervise"])
def test_the_packages_of_our_own(package: str) -> None:
    done = go("test", "-vet=all", f"./{package}")
    assert done.returncode == 0, f"\n{done.stdout}{done.stderr}"


def test_the_sources_are_formatted() -> None:
    program = go_toolchain(KUBERNETES_GO_LOCK) / "bin" / "gofmt"
    folder = PROGRAM.parent
    done = subprocess.run([program, "-l", folder], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
