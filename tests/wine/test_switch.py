"""The switch between Linux and Windows containers: the real docker.exe, the machine, and the real dockerd.exe.

Windows containers do not run on Wine, and the service cannot be started there: a program stands in its place.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.wine.system import WineSystem
from tests.wine.windows import CLI, DOCKER, IMAGE, Windows, installed
from tests.wine.windows_engine import PROGRAM, add_containers_feature

VARIABLE = {"SLIPWAY_WINDOWS_ENGINE": PROGRAM}


@pytest.fixture(scope="module")
def two(payload: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Windows]:
    """Both engines, that for Linux containers in use."""
    with installed(payload, tmp_path_factory.mktemp("two")) as made:
        add_containers_feature(made.wine)
        done = made.wine.run([CLI, "start"], VARIABLE, seconds=600)
        assert done.code == 0, done
        made.docker("load", "-i", r"C:\image.tar")
        yield made
        made.slipway("stop")


def use(two: Windows, name: str) -> str:
    return two.slipway("engine", "use", name).output


def server(two: Windows, *context: str) -> str:
    """The engine that docker.exe reaches."""
    told = json.loads(two.docker(*context, "version", "--format", "json"))
    assert (told["Client"]["Os"], told["Client"]["Arch"]) == ("windows", "amd64")
    return f"{told['Server']['Os']}/{told['Server']['Arch']}"


def engines(two: Windows) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in json.loads(two.slipway("engine", "list", "--json").output)}


def test_there_and_back(two: Windows) -> None:
    assert server(two) == "linux/amd64"
    two.docker("run", "-d", "--name", "kept", "--restart", "always", IMAGE, "sleep", "100000")
    kept = two.docker("inspect", "--format", "{{.Id}}", "kept")
    assert "Windows containers are in use: Moby 28.5.2, windows/amd64" in use(two, "windows")
    assert server(two) == "windows/amd64"
    assert two.docker("ps", "-aq") == ""
    two.docker("volume", "create", "of-windows")
    found = engines(two)
    assert [found[name]["state"] for name in ("linux", "windows")] == ["stopped", "running"]
    assert two.status()["engine"]["os"] == "windows"
    assert "linux/amd64" in two.slipway("-SwitchDaemon").output
    assert server(two) == "linux/amd64"
    assert two.docker("inspect", "--format", "{{.Id}}", "kept") == kept
    assert two.docker("volume", "ls", "-q") == ""
    two.slipway("-SwitchWindowsEngine")
    assert two.docker("volume", "ls", "-q") == "of-windows\n"
    two.slipway("-SwitchLinuxEngine")


def test_fifty_switches(two: Windows) -> None:
    """Both run on, so that it is the switch that is tried."""
    two.slipway("settings", "set", "keep_engines", "true")
    try:
        kept = two.docker("inspect", "--format", "{{.State.StartedAt}}", "kept")
        for _ in range(25):
            use(two, "windows")
            assert server(two) == "windows/amd64"
            use(two, "linux")
            assert server(two) == "linux/amd64"
        assert two.docker("inspect", "--format", "{{.State.StartedAt}}", "kept") == kept
    finally:
        two.slipway("settings", "set", "keep_engines", "false")


def test_an_engine_that_does_not_start_leaves_the_other_in_use(two: Windows) -> None:
    """As on a Windows without the feature Containers."""
    end = time.monotonic() + 60
    while engines(two)["windows"]["state"] != "stopped":  # the setting of the test before
        assert time.monotonic() < end
    library = two.wine.drive_c / "windows" / "system32" / "vmcompute.dll"
    aside = library.rename(library.with_suffix(".aside"))
    try:
        done = two.wine.run([CLI, "engine", "use", "windows"], seconds=300)
        assert done.code == 1
        assert "failed to load vmcompute.dll" in done.errors
        assert "Switch on the Windows feature “Containers”" in done.errors
        assert server(two) == "linux/amd64"
    finally:
        aside.rename(library)


def test_without_the_service(wine: WineSystem) -> None:
    """As on every Windows before the setup."""
    told = wine.run([CLI, "engine", "use", "windows"], {"SLIPWAY_FAKE": ""}, seconds=120)
    assert told.code == 1
    assert "not set up" in told.errors
    assert "slipway engine setup" in told.errors
    assert wine.run([DOCKER, "--version"]).code == 0
    wine.run([CLI, "stop"], seconds=60)
