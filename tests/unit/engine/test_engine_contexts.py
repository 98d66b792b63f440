"""The contexts of several engines, beside the one that leads to the engine in use."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.contexts import Contexts

ONES = {"slipway-linux": "unix:///r/linux.sock", "slipway-windows": "unix:///r/windows.sock"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Docker's configuration."""
    return tmp_path / "docker"


def test_each_of_several_engines_has_a_context(tmp_path: Path, folder: Path) -> None:
    several = Contexts(tmp_path / "memory.json", {"DOCKER_CONFIG": str(folder)}, engines=ONES)
    several.create("unix:///r/docker.sock")
    store = several.store
    assert sorted(store.names()) == ["default", "slipway", "slipway-linux", "slipway-windows"]
    assert {name: several.address_of(name) for name in ONES} == ONES
    several.remove("unix:///r/docker.sock")
    assert store.names() == ["default"]


def test_a_context_of_that_name_that_is_not_ours_is_left_alone(tmp_path: Path, folder: Path) -> None:
    several = Contexts(tmp_path / "memory.json", {"DOCKER_CONFIG": str(folder)}, engines=ONES)
    theirs = {"Name": "slipway-linux", "Metadata": {}, "Endpoints": {"docker": {"Host": "unix:///theirs"}}}
    several.store.write("slipway-linux", theirs)
    several.create("unix:///r/docker.sock")
    assert several.address_of("slipway-linux") == "unix:///theirs"
    several.remove("unix:///r/docker.sock")
    assert sorted(several.store.names()) == ["default", "slipway-linux"]


def test_those_of_another_installation_stay(tmp_path: Path, folder: Path) -> None:
    several = Contexts(tmp_path / "memory.json", {"DOCKER_CONFIG": str(folder)}, engines=ONES)
    several.create("unix:///r/docker.sock")
    Contexts(tmp_path / "other.json", {"DOCKER_CONFIG": str(folder)}).remove("unix:///other.sock")
    assert several.address_of("slipway-linux") == ONES["slipway-linux"]
