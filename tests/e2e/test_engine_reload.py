"""A real dockerd takes registries while its containers run, and what that does to host-gateway."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from desktop.settings.schema import Settings
from desktop.supervisor.context import Change
from desktop.supervisor.operations.engine_reload import EngineFiles, EngineReload
from desktop.supervisor.settings import outcome
from installers.checkout import system
from tests.e2e import images
from tests.e2e.native_engine import NativeEngine, extract, native_engine
from tests.unit.carriers import MemoryLink, refuse
from vm.guest.stream import Completed, Link
from vm.host import host
from vm.host.paths import Paths
from vm.qemu.record import Record

IMAGE = "busybox:reload"
FILES = EngineFiles("/run/shared/daemon.json", "/var/lib/docker", "/run/docker.pid", "/run/shared/docker.sock")
STARTED_WITH = {"host-gateway-ips": ["10.0.2.2"], "labels": ["site=here"]}

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may make the namespaces of a dockerd")


class Namespaces:
    """The dockerd's own computer, as the machine is for the supervisor."""

    record: Record | None = None
    running = True

    def __init__(self, engine: NativeEngine) -> None:
        self._enter = ["nsenter", "-t", str(engine.pid), "-m", "-p", "-r", "-w", "/bin/sh", "-c"]
        self.link: Link = MemoryLink(refuse, self._shell)

    def _shell(self, command: str, input: bytes) -> Completed:
        done = subprocess.run(
            [*self._enter, command], input=input, capture_output=True, env={"PATH": "/usr/bin:/bin"}
        )
        return Completed(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NativeEngine]:
    folder = tmp_path_factory.mktemp("reload")
    shared = folder / "shared"
    shared.mkdir()
    (shared / "daemon.json").write_text(json.dumps(STARTED_WITH))
    program = system.find_static_busybox()
    assert program
    with native_engine(extract(folder / "root"), shared, "--config-file", FILES.file) as made:
        layer = images.busybox_layer(program, images.applets(program))
        images.write_archive(folder / "busybox.tar", layer, host().arch.value, IMAGE)
        docker(made, "load", "-i", folder / "busybox.tar")
        docker(made, "run", "-d", "--name", "kept", "--network", "none", IMAGE, "sleep", "1000")
        yield made


@pytest.fixture
def reload(engine: NativeEngine, tmp_path: Path) -> EngineReload:
    paths = Paths(tmp_path / "home", tmp_path / "cache")
    paths.daemon_json.parent.mkdir(parents=True)
    paths.daemon_json.write_text(json.dumps(STARTED_WITH))
    return EngineReload(paths, Namespaces(engine), FILES)


def docker(engine: NativeEngine, *arguments: str | Path) -> str:
    command = ["docker", "-H", f"unix://{engine.socket}", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def info(engine: NativeEngine) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(docker(engine, "info", "--format", "{{json .}}"))
    return found


def started(engine: NativeEngine) -> str:
    return docker(engine, "inspect", "kept", "--format", "{{.State.StartedAt}} {{.State.Running}}")


def change(reload: EngineReload, before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Change dockerd's settings; whether they wait for a restart."""
    made = Change(Settings(daemon=before), Settings(daemon=after), frozenset({"daemon"}))
    asyncio.run(reload.apply(made))
    return reload.noted(outcome(made, running=True), made).restart_needed


def test_registries_come_and_go_while_a_container_runs(engine: NativeEngine, reload: EngineReload) -> None:
    before = started(engine)
    registries = {"insecure-registries": ["registry.example:5000"], "registry-mirrors": ["https://mirror.example"]}
    assert not change(reload, {}, registries)
    config = info(engine)["RegistryConfig"]
    assert config["Mirrors"] == ["https://mirror.example/"]
    assert "registry.example:5000" in config["IndexConfigs"]
    assert not change(reload, registries, {})
    config = info(engine)["RegistryConfig"]
    assert not config["Mirrors"]
    assert "registry.example:5000" not in config["IndexConfigs"]
    assert started(engine) == before, "the container has not noticed"


def test_what_is_not_about_registries(engine: NativeEngine, reload: EngineReload) -> None:
    assert not change(reload, {}, {"debug": True, "labels": ["a=b"]})
    assert (info(engine)["Debug"], info(engine)["Labels"]) == (True, ["a=b"])
    assert not change(reload, {"debug": True, "labels": ["a=b"]}, {})
    assert (info(engine)["Debug"], info(engine)["Labels"] or []) == (False, [])


def test_moby_has_forgotten_its_gateways(engine: NativeEngine, reload: EngineReload) -> None:
    """The reason for the admission's step and for the next test; with a Moby that keeps them both can go."""
    assert not change(reload, {}, {"debug": True})
    hosts = ("--network", "none", "--add-host", "me:host-gateway", IMAGE, "cat", "/etc/hosts")
    with pytest.raises(subprocess.CalledProcessError) as caught:
        docker(engine, "run", "--rm", *hosts)
    assert "IP" in caught.value.stderr


def test_where_a_container_needs_them_nothing_is_reloaded(engine: NativeEngine, reload: EngineReload) -> None:
    docker(engine, "create", "--name", "needs", "--add-host", "me:host-gateway", "--network", "none", IMAGE)
    assert change(reload, {}, {"registry-mirrors": ["https://mirror.example"]})
    assert not info(engine)["RegistryConfig"]["Mirrors"]
    docker(engine, "rm", "needs")
    assert not change(reload, {}, {"registry-mirrors": ["https://mirror.example"]})
    assert info(engine)["RegistryConfig"]["Mirrors"]
