"""The setup of the engine of Windows containers: the real service, registered, asked and removed by Wine's sc."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.wine.prefix import fresh_prefix
from tests.wine.system import WineSystem
from tests.wine.windows import CLI, INSTALLED, PYTHON
from tests.wine.windows_engine import add_containers_feature

SERVICE = r"HKEY_LOCAL_MACHINE\System\CurrentControlSet\Services\SlipwayWindowsEngine"
PROGRAM = r"C:\Program Files\Slipway Windows Engine\dockerd.exe"
DATA = r"C:\ProgramData\Slipway Windows Engine"


@pytest.fixture(scope="module")
def ready(payload: Path) -> Iterator[WineSystem]:
    """A Windows with the features, as far as they can be seen."""
    with WineSystem(fresh_prefix(), {payload: INSTALLED}) as made:
        add_containers_feature(made)
        done = made.run(["sc", "create", "vmms", "binPath=", r"C:\windows\system32\svchost.exe"])
        assert done.code == 0, done
        yield made


def slipway(wine: WineSystem, *words: str) -> str:
    done = wine.run([CLI, *words], seconds=300)
    assert done.code == 0, done
    return done.output


def test_its_life(ready: WineSystem) -> None:
    assert "✗ The service “Slipway Windows Engine”" in slipway(ready, "engine", "setup", "--check")
    assert "slipway engine use windows" in slipway(ready, "engine", "setup", "--yes")
    assert ready.host_path(PROGRAM).exists()
    kept = json.loads((ready.host_path(DATA) / "daemon.json").read_text())
    assert kept["hosts"] == ["npipe:////./pipe/docker_slipway_windows"]
    assert kept["group"].startswith("slipway-users,")
    registered = ready.run(["reg", "query", SERVICE]).output
    assert f'"{PROGRAM}" --run-service --service-name SlipwayWindowsEngine' in registered
    assert "✗" not in slipway(ready, "engine", "setup", "--check")
    told = ready.run([PYTHON, "-m", "desktop.installation", "remove"])
    assert told.code == 1, "whoever uninstalls Slipway learns of what stays"
    assert "slipway engine remove" in told.output + told.errors
    assert "removed" in slipway(ready, "engine", "remove", "--yes", "--delete-data")
    assert not ready.host_path(PROGRAM).exists()
    assert not ready.host_path(DATA).exists()
    assert "✗ The service “Slipway Windows Engine”" in slipway(ready, "engine", "setup", "--check")
