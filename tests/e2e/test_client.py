"""The engine client against the real engine, through the socket."""

from __future__ import annotations

import asyncio
import io
import tarfile
import time
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from engine.client import EngineClient
from engine.client.build.build import Build
from engine.client.errors import Conflict, NotFound
from engine.client.networks import Pool
from engine.client.registry import RegistryError
from engine.client.streams import Std
from tests.e2e.cli import Program
from tests.e2e.registry import Registry

pytestmark = pytest.mark.machine

SLEEP = ["sleep", "100000"]


@pytest.fixture
async def engine(docker_socket: Path) -> AsyncIterator[EngineClient]:
    async with EngineClient(docker_socket) as client:
        yield client


@pytest.fixture
async def running(engine: EngineClient, busybox: str, name: str) -> str:
    """A running container's name."""
    await engine.containers.create({"Image": busybox, "Cmd": SLEEP}, name=name)
    await engine.containers.start(name)
    return name


def archive(**files: bytes) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for path, data in files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return stream.getvalue()


async def output(engine: EngineClient, name: str, *command: str, stdin: bytes = b"") -> tuple[bytes, bytes, int]:
    """What a command in a container prints on its two streams, and its exit code."""
    found = {Std.OUT: b"", Std.ERR: b""}
    prepared = await engine.containers.exec(name, command)
    async with await prepared.start() as stream:
        await stream.write(stdin)
        await stream.write_eof()
        async for frame in stream.frames():
            found[frame.stream] += frame.data
    return found[Std.OUT], found[Std.ERR], int((await prepared.inspect())["ExitCode"])


async def test_the_engine_tells_about_itself(engine: EngineClient) -> None:
    version = await engine.version()
    assert await engine.ping() == version.api_version
    assert version.os == "linux"
    assert {"Engine", "containerd", "runc"} <= set(version.components)
    assert (await engine.info())["ServerVersion"] == version.version
    assert "Images" in await engine.df("image")
    assert {"Images", "Containers", "Volumes", "BuildCache"} <= set(await engine.df())


async def test_exec_keeps_streams_apart_and_ends_its_input(engine: EngineClient, running: str) -> None:
    script = "cat; sleep 1; echo after; echo bad >&2; exit 3"
    assert await output(engine, running, "sh", "-c", script, stdin=b"in\n") == (b"in\nafter\n", b"bad\n", 3)


async def test_exec_takes_much_input_while_it_puts_out(engine: EngineClient, running: str) -> None:
    data = bytes(range(256)) * 4096
    prepared = await engine.containers.exec(running, ["cat"])
    async with await prepared.start() as stream:

        async def feed() -> None:
            await stream.write(data)
            await stream.write_eof()

        feeding = asyncio.create_task(feed())
        found = b"".join([frame.data async for frame in stream.frames()])
        await feeding
    assert found == data


async def test_exec_with_a_terminal(engine: EngineClient, running: str) -> None:
    prepared = await engine.containers.exec(running, ["sh", "-c", "read x; stty size"], Tty=True)
    async with await prepared.start() as stream:
        await prepared.resize(33, 111)
        await stream.write(b"go\n")
        found = b"".join([frame.data async for frame in stream.frames()])
    assert b"33 111" in found


async def test_attach_and_logs(engine: EngineClient, busybox: str, name: str) -> None:
    config = {"Image": busybox, "Cmd": ["cat"], "OpenStdin": True, "StdinOnce": True, "AttachStdin": True}
    await engine.containers.create(config, name=name)
    async with await engine.containers.attach(name) as stream:
        await engine.containers.start(name)
        await stream.write(b"said\n")
        await stream.write_eof()
        assert [frame.data async for frame in stream.frames()] == [b"said\n"]
    assert await engine.containers.wait(name) == 0
    logged = [(frame.stream, frame.data) async for frame in engine.containers.logs(name)]
    assert logged == [(Std.OUT, b"said\n")]


async def test_followed_logs_end_with_the_container(engine: EngineClient, busybox: str, name: str) -> None:
    command = ["sh", "-c", "for n in 1 2 3; do echo $n; sleep 0.3; done"]
    await engine.containers.create({"Image": busybox, "Cmd": command}, name=name)
    await engine.containers.start(name)
    lines = b"".join([frame.data async for frame in engine.containers.logs(name, follow=True)])
    assert lines == b"1\n2\n3\n"


async def test_the_life_of_a_container(engine: EngineClient, running: str, busybox: str) -> None:
    containers = engine.containers

    async def state() -> str:
        return str((await containers.inspect(running))["State"]["Status"])

    steps: list[tuple[Callable[[], Coroutine[Any, Any, None]], str]] = [
        (lambda: containers.pause(running), "paused"),
        (lambda: containers.unpause(running), "running"),
        (lambda: containers.stop(running, timeout=0), "exited"),
        (lambda: containers.start(running), "running"),
        (lambda: containers.restart(running, timeout=0), "running"),
        (lambda: containers.kill(running), "exited"),
    ]
    for act, wanted in steps:
        await act()
        assert await state() == wanted
    listed = [item for item in await containers.list(all=True) if item.name == running]
    assert [(item.image, item.state, item.command) for item in listed] == [(busybox, "exited", " ".join(SLEEP))]
    new = f"{running}-new"
    await containers.rename(running, new)
    await containers.remove(new)
    with pytest.raises(NotFound):
        await containers.inspect(new)


async def test_events_arrive_as_they_happen(engine: EngineClient, running: str) -> None:
    events = engine.events({"container": [running], "event": ["kill", "die"]}, since=time.time() - 1)
    waiting = asyncio.ensure_future(anext(events))
    await engine.containers.kill(running)
    event = await asyncio.wait_for(waiting, 30)
    assert (event.kind, event.action, event.attributes["name"]) == ("container", "kill", running)
    await events.aclose()  # type: ignore[attr-defined]  # it is an async generator


async def test_stats_and_top(engine: EngineClient, running: str) -> None:
    sample = await engine.containers.sample(running)
    assert sample["memory_stats"]["usage"] > 0
    assert sample["cpu_stats"]["cpu_usage"]["total_usage"] > 0
    assert (await engine.containers.top(running))["Processes"][0][-1] == " ".join(SLEEP)


async def test_files_go_in_and_out(engine: EngineClient, running: str) -> None:
    await engine.containers.put_archive(running, "/tmp", archive(note=b"precious"))
    assert (await output(engine, running, "cat", "/tmp/note"))[0] == b"precious"
    data = b"".join([chunk async for chunk in engine.containers.get_archive(running, "/tmp/note")])
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        member = tar.extractfile("note")
        assert member is not None
        assert member.read() == b"precious"
    with pytest.raises(NotFound):
        [chunk async for chunk in engine.containers.get_archive(running, "/nothing")]


async def test_push_pull_and_remove(engine: EngineClient, registry: Registry, busybox: str) -> None:
    target = f"{registry.address}/client/{uuid.uuid4().hex[:8]}:v1"
    await engine.images.tag(busybox, target)
    pushed = [step async for step in engine.images.push(target)]
    assert any(step.aux.get("Digest", "").startswith("sha256:") for step in pushed)
    await engine.images.remove(target)
    with pytest.raises(NotFound):
        await engine.images.inspect(target)
    pulled = [step.status async for step in engine.images.pull(target)]
    assert any("Downloaded newer image" in status for status in pulled)
    assert (await engine.images.inspect(target))["RepoTags"]
    await engine.images.remove(target)
    missing = f"{registry.address}/client/nothing"
    with pytest.raises(RegistryError, match="There is no “latest”"):
        [step async for step in engine.images.pull(missing)]


async def test_build_list_history_save_load(engine: EngineClient, busybox: str, tmp_path: Path) -> None:
    tag = f"slipway/client-{uuid.uuid4().hex[:8]}:x"
    dockerfile = f"FROM {busybox}\nARG word\nRUN echo $word && echo $word > /built\nLABEL made=here\n"
    (tmp_path / "Dockerfile").write_text(dockerfile)
    build = Build(tmp_path, (tag,), arguments={"word": "hello"})
    traces = [trace async for trace in engine.images.build(build)]
    assert "hello\n" in [piece.text for trace in traces for piece in trace.outputs]
    (found,) = [item for item in await engine.images.list(shared=True) if tag in item.tags]
    assert found.id == traces[-1].image
    assert found.labels["made"] == "here"
    assert found.size >= found.shared > 0
    assert any("echo" in layer.created_by for layer in await engine.images.history(tag))
    again = [trace async for trace in engine.images.build(build)]
    assert any(vertex.cached and "RUN echo" in vertex.name for trace in again for vertex in trace.vertexes)
    saved = b"".join([chunk async for chunk in engine.images.save(tag)])
    await engine.images.remove(tag)
    assert any(tag in step.text for step in [step async for step in engine.images.load(saved)])
    await engine.images.remove(tag)


async def test_volumes(engine: EngineClient, name: str) -> None:
    made = await engine.volumes.create(name, labels={"a": "b"})
    assert (made.name, made.labels) == (name, {"a": "b"})
    assert name in [item.name for item in await engine.volumes.list({"name": [name]})]
    assert (await engine.volumes.inspect(name))["Driver"] == "local"
    pruned = await engine.volumes.prune(all=True, filters={"label": ["a=b"]})
    assert pruned.removed == (name,)
    with pytest.raises(NotFound):
        await engine.volumes.remove(name)


async def test_networks(engine: EngineClient, running: str) -> None:
    network = f"{running}-net"
    await engine.networks.create(network, pools=[Pool("10.99.0.0/24")], labels={"x": "y"})
    try:
        with pytest.raises(Conflict):
            await engine.networks.create(network)
        (found,) = await engine.networks.list({"name": [network]})
        assert (found.driver, found.subnets, found.labels) == ("bridge", ("10.99.0.0/24",), {"x": "y"})
        await engine.networks.connect(network, running, aliases=("also",))
        assert (await engine.networks.inspect(network))["Containers"]
        await engine.networks.disconnect(network, running)
    finally:
        await engine.networks.remove(network)


async def test_prune_containers(engine: EngineClient, busybox: str, name: str) -> None:
    await engine.containers.create({"Image": busybox, "Labels": {"prune": name}}, name=name)
    pruned = await engine.containers.prune({"label": [f"prune={name}"]})
    assert len(pruned.removed) == 1


def test_the_cli_sees_the_same(engine: EngineClient, docker: Program, running: str) -> None:
    assert running in docker("ps", "--format", "{{.Names}}")
