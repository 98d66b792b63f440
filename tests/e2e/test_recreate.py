"""A container made anew on a real dockerd: with all that it was, and with nothing lost when that fails."""

from __future__ import annotations

import os
import shlex
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from desktop.ui.models.lines import compose_file, docker_run
from desktop.ui.models.recreate import body_of, changed, request_of
from desktop.ui.recreate import read, recreate
from engine.client import EngineClient
from tests.e2e.native_busybox import engine_with_busybox
from tests.e2e.native_engine import NativeEngine
from tests.e2e.test_other_engines import docker
from vm.errors import EngineError

IMAGE = "slipway/busybox:latest"

RICH = (
    *("run", "-d", "--name", "rich", "--network", "none", "--hostname", "rich.example", "--user", "1000:1000"),
    *(
        "--workdir",
        "/tmp",
        "--label",
        "team=core $HOME",
        "-e",
        "MODE=test",
        "-e",
        "LINES=one\ntwo",
        "-v",
        "kept:/data",
    ),
    *("-v", "/unnamed", "--cap-add", "NET_ADMIN", "--cap-drop", "CHOWN", "--read-only", "--tmpfs", "/scratch"),
    *("--ulimit", "nofile=100:200", "--memory", "64m", "--cpus", "0.5", "--restart", "always", "--init"),
    *("--health-cmd", "true", "--health-interval", "1h", "--log-opt", "max-size=1m", "--stop-timeout", "1"),
    *(
        "--mount",
        "type=volume,source=more,target=/more,readonly",
        "--shm-size",
        "16m",
        "--sysctl",
        "net.ipv4.ip_forward=1",
    ),
    *(
        "--add-host",
        "far:10.0.0.1",
        "--dns",
        "10.0.0.2",
        "--pids-limit",
        "50",
        "--device",
        "/dev/null:/dev/nothing",
    ),
    *("--entrypoint", "/bin/sh", IMAGE, "-c", "exec sleep 1000"),
)
"""Much of what a container can be."""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may make the namespaces of a dockerd")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NativeEngine]:
    with engine_with_busybox(tmp_path_factory.mktemp("recreate"), IMAGE) as engine:
        yield engine


@pytest.fixture
async def engine(made: NativeEngine) -> AsyncIterator[EngineClient]:
    async with EngineClient(Path(made.socket)) as client:
        yield client
    docker(made, "container", "prune", "-f")


async def test_all_that_it_was_it_is_again(made: NativeEngine, engine: EngineClient) -> None:
    key = docker(made, *RICH).strip()
    original = await read(engine, key)
    before = request_of(original.inspected, original.image)
    assert (before.command, before.memory, before.cpus) == ("-c 'exec sleep 1000'", "64m", "0.5")
    body = changed(
        body_of(original.inspected, original.image), before, replace(before, environment=("MODE=real",))
    )
    new, kept = await recreate(engine, original, body, "rich")
    assert (new.name, new.state, kept) == ("rich", "running", "rich-before")
    found = await engine.containers.inspect(new.id)
    ignored = {"Id", "Created", "State", "LogPath", "ResolvConfPath", "HostnamePath", "HostsPath", "GraphDriver"}
    ignored |= {"NetworkSettings", "Name", "Config", "HostConfig", "Mounts"}
    old = original.inspected
    assert {name for name in old if old[name] != found.get(name)} <= ignored
    assert set(found["Config"].pop("Env")) - set(old["Config"]["Env"]) == {"MODE=real"}
    assert "LINES=one\ntwo" in (await engine.containers.inspect(new.id))["Config"]["Env"]
    old["Config"].pop("Env")
    assert found["Config"] == old["Config"]
    binds = found["HostConfig"].pop("Binds")
    unnamed = next(mount["Name"] for mount in old["Mounts"] if mount["Destination"] == "/unnamed")
    assert binds == ["kept:/data", f"{unnamed}:/unnamed"]
    old["HostConfig"].pop("Binds")
    assert found["HostConfig"] == old["HostConfig"]
    places = {(mount["Name"], mount["Destination"]) for mount in old["Mounts"]}
    assert {(mount["Name"], mount["Destination"]) for mount in found["Mounts"]} == places
    left = await engine.containers.inspect(kept)
    assert left["HostConfig"]["RestartPolicy"]["Name"] == "no", "dockerd does not start it again"
    docker(made, "rm", "-f", "rich", kept)


@pytest.mark.parametrize("command", ["/nowhere", "false"])
async def test_one_that_does_not_start_leaves_all_as_it_was(
    made: NativeEngine, engine: EngineClient, command: str
) -> None:
    words = (
        "run",
        "-d",
        "--name",
        "plain",
        "--network",
        "none",
        "--restart",
        "unless-stopped",
        IMAGE,
        "sleep",
        "999",
    )
    key = docker(made, *words).strip()
    original = await read(engine, key)
    before = request_of(original.inspected, original.image)
    body = changed(body_of(original.inspected, original.image), before, replace(before, command=command))
    body["HostConfig"]["RestartPolicy"] = {"Name": "no"}
    with pytest.raises(EngineError):
        await recreate(engine, original, body, "plain")
    every = await engine.containers.list(all=True)
    assert [(item.id, item.name, item.state) for item in every] == [(key, "plain", "running")]
    again = await engine.containers.inspect(key)
    assert again["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
    docker(made, "rm", "-f", "plain")


async def test_one_that_is_removed_when_it_stops_is_left_alone(made: NativeEngine, engine: EngineClient) -> None:
    key = docker(made, "run", "-d", "--rm", "--name", "brief", "--network", "none", IMAGE, "sleep", "999").strip()
    original = await read(engine, key)
    with pytest.raises(EngineError, match="is removed when it stops"):
        await recreate(engine, original, body_of(original.inspected, original.image), "brief")
    assert [item.state for item in await engine.containers.list(all=True)] == ["running"]
    docker(made, "rm", "-f", "brief")


async def test_the_copied_line_makes_the_same_container(made: NativeEngine, engine: EngineClient) -> None:
    original = await read(engine, docker(made, *RICH).strip())
    line = docker_run(original.inspected, original.image)
    docker(made, "rm", "-f", "rich")
    docker(made, *shlex.split(line)[1:])
    assert parts(await engine.containers.inspect("rich")) == parts(original.inspected)
    docker(made, "rm", "-f", "rich")


async def test_the_copied_compose_file_makes_the_same_container(
    made: NativeEngine,
    engine: EngineClient,
    tmp_path: Path,
    docker_config: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(docker_config))
    original = await read(engine, docker(made, *RICH).strip())
    (tmp_path / "compose.yaml").write_text(compose_file(original.inspected, original.image), encoding="utf-8")
    docker(made, "rm", "-f", "rich")
    docker(made, "compose", "-p", "copied", "-f", tmp_path / "compose.yaml", "up", "-d")
    old, new = parts(original.inspected), parts(await engine.containers.inspect("rich"))
    docker(made, "compose", "-p", "copied", "-f", tmp_path / "compose.yaml", "down")
    for told in (old, new):  # compose says these otherwise
        told["HostConfig"] = {k: v for k, v in told["HostConfig"].items() if k not in ("Binds", "Mounts")}
        told["Config"]["Labels"] = {k: v for k, v in told["Config"]["Labels"].items() if "compose" not in k}
        told["Config"] = {k: v for k, v in told["Config"].items() if not k.startswith("Attach")}
    assert new == old


def parts(inspected: dict[str, Any]) -> dict[str, Any]:
    """What was asked for, in one form; volumes without a name have another one each time."""
    config, host = dict(inspected["Config"]), dict(inspected["HostConfig"])
    config["Env"] = sorted(config["Env"])
    host["Binds"] = [bind for bind in host["Binds"] or () if len(bind.partition(":")[0]) < 64]
    mounts = [
        {name: mount.get(name) for name in ("Type", "Destination", "RW")}
        for mount in sorted(inspected["Mounts"], key=lambda mount: str(mount["Destination"]))
    ]
    empty: tuple[Any, ...] = (None, "", [], {}, 0, False)
    return {
        "Config": {name: value for name, value in config.items() if value not in empty and name != "Volumes"},
        "HostConfig": {name: value for name, value in host.items() if value not in empty},
        "Mounts": mounts,
    }
