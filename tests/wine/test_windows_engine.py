"""The setup of the engine of Windows containers: the real service, registered, asked and removed by Wine's sc.

Wine runs an administrator's process without a question, and does not start the service.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from desktop.settings.windows_daemon import WINDOWS
from tests.wine.prefix import fresh_prefix
from tests.wine.system import WineSystem
from tests.wine.windows import CLI, INSTALLED, PYTHON
from tests.wine.windows_engine import DOCKERD, add_containers_feature

SERVICE = r"HKEY_LOCAL_MACHINE\System\CurrentControlSet\Services\SlipwayWindowsEngine"
PROGRAM = r"C:\Program Files\Slipway Windows Engine\dockerd.exe"
DATA = r"C:\ProgramData\Slipway Windows Engine"

SAMPLES: dict[str, object] = {
    "true or false": False,
    "a string": "",
    "a whole number": 1,
    "a list of strings": [],
    "an object": {},
}
SPECIAL: dict[str, object] = {
    "default-runtime": "com.docker.hcsshim.v1",
    "exec-opts": ["isolation=process"],
    "fixed-cidr": "10.9.0.0/24",
    "log-driver": "json-file",
    "log-format": "json",
    "log-level": "debug",
}
"""Values for each kind of key, and for keys that take only some."""


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


def refused(wine: WineSystem, *words: str) -> str:
    done = wine.run([CLI, *words], seconds=300)
    assert done.code == 1, done
    return done.errors


def configuration(wine: WineSystem) -> dict[str, Any]:
    return dict(json.loads((wine.host_path(DATA) / "daemon.json").read_text()))


def python(wine: WineSystem, script: str) -> str:
    done = wine.run([PYTHON, "-c", script])
    assert done.code == 0, done
    return done.output.strip()


def test_a_helper_that_is_killed_leaves_nothing_half(ready: WineSystem) -> None:
    (ready.drive_c / "given.json").write_text("{}")
    sid = python(ready, "from vm.host.windows_security import user_sid; print(user_sid())")
    asked = ("install", "--program", DOCKERD, "--user", "ada", "--sid", sid, "--settings", r"C:\given.json")
    helper = ready.popen([PYTHON, "-m", "desktop.windows_engine", "--report", r"C:\report.json", *asked])
    end = time.monotonic() + 200
    while not ready.host_path(PROGRAM).exists():  # the steps after this one take seconds
        assert helper.is_running()
        assert time.monotonic() < end
        time.sleep(0.01)
    helper.kill()
    assert not (ready.drive_c / "report.json").exists()
    assert "✗ The service “Slipway Windows Engine”" in slipway(ready, "engine", "setup", "--check")
    assert "slipway engine setup" in refused(ready, "engine", "use", "windows")
    assert "slipway engine use windows" in slipway(ready, "engine", "setup", "--yes")
    assert "✗" not in slipway(ready, "engine", "setup", "--check")
    assert "removed" in slipway(ready, "engine", "remove", "--yes", "--delete-data")
    assert not ready.host_path(DATA).exists()


def test_its_settings(ready: WineSystem) -> None:
    """The real dockerd.exe says which it takes; the helper writes them where only administrators can."""
    assert "once Windows containers are set up" in slipway(
        ready, "settings", "set", "windows_daemon.debug", "true"
    )
    slipway(ready, "engine", "setup", "--yes")
    assert configuration(ready)["debug"] is True
    owned = set(configuration(ready)) - {"debug"}
    proxies = {"http-proxy": "http://me:pw@proxy:3128", "no-proxy": "localhost"}
    told = slipway(ready, "settings", "set", "windows_daemon.proxies", json.dumps(proxies))
    assert told.strip() == "windows_daemon is set"
    assert configuration(ready)["proxies"] == proxies
    before = configuration(ready)
    told = refused(ready, "settings", "set", "windows_daemon.labels", '["no equals sign"]')
    assert "dockerd refuses these settings" in told
    assert configuration(ready) == before
    every = {key: SPECIAL.get(key, SAMPLES[kind]) for key, kind in WINDOWS.kinds.items() if key[:3] != "tls"}
    slipway(ready, "settings", "set", "windows_daemon", json.dumps(every))
    assert configuration(ready).items() >= every.items()
    slipway(ready, "settings", "set", "windows_daemon", "{}")
    assert set(configuration(ready)) == owned
    slipway(ready, "engine", "remove", "--yes", "--delete-data")


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
