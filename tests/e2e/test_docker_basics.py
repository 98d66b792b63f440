"""The docker CLI reaches the engine and both say who they are."""

from __future__ import annotations

import json
import stat

import pytest

from tests.e2e.cli import Program
from tests.e2e.conftest import RunningMachine
from vm.host import host

pytestmark = pytest.mark.machine


def test_version(docker: Program) -> None:
    version = json.loads(docker("version", "--format", "json"))
    arch = host().arch.value
    assert version["Client"]["Arch"] == arch
    assert (version["Server"]["Os"], version["Server"]["Arch"]) == ("linux", arch)
    assert version["Server"]["Version"].startswith("28.")
    components = {component["Name"]: component["Version"] for component in version["Server"]["Components"]}
    assert {"Engine", "containerd", "runc"} <= components.keys()


def test_version_shows_both_platforms(docker: Program) -> None:
    lines = docker("version").splitlines()
    arch = host().arch.value
    assert [line.split()[-1].endswith(f"/{arch}") for line in lines if "OS/Arch:" in line] == [True, True]
    server = next(line for line in lines if "OS/Arch:" in line and line.startswith("  "))
    assert server.split()[-1] == f"linux/{arch}"


def test_info(docker: Program) -> None:
    info = json.loads(docker("info", "--format", "json"))
    assert info["OSType"] == "linux"
    assert info["Driver"] in {"overlay2", "overlayfs"}
    assert not info.get("ServerErrors")
    assert info["NCPU"] >= 1


def test_an_unknown_image_is_the_registrys_error(docker: Program, machine: RunningMachine) -> None:
    """What dockerd says arrives as it is, and so does the exit code."""
    result = docker.fails("run", "--rm", "--pull", "never", "no-such-image-here")
    assert result.code == 125
    assert "No such image: no-such-image-here:latest" in result.err


def test_the_context_is_there(docker: Program, machine: RunningMachine) -> None:
    """``slipway start`` made it, and made it current, because nothing else worked before."""
    contexts = [json.loads(line) for line in docker("context", "ls", "--format", "json").splitlines()]
    ours = next(context for context in contexts if context["Name"] == "slipway")
    assert ours["DockerEndpoint"] == f"unix://{machine.socket}"
    assert ours["Current"]


def test_only_the_user_reaches_the_socket(machine: RunningMachine) -> None:
    assert stat.S_IMODE(machine.socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(machine.socket.parent.stat().st_mode) == 0o700
