"""A debug shell beside containers without one, at a real dockerd out of the machine's image."""

from __future__ import annotations

import io
import tarfile
from collections.abc import AsyncIterator, Iterator

import pytest

from engine.client import EngineClient
from engine.client.debug_shell import TARGET, debug_shell
from engine.client.models import OURS
from tests.e2e.native_engine import NativeEngine, extract, native_engine
from vm.errors import EngineError

pytestmark = pytest.mark.slow("only root may make the namespaces of a dockerd")

SECRET = b"only in this container\n"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[NativeEngine, bytes]]:
    """The engine, and a program that sleeps when it is called ``sleep``."""
    folder = tmp_path_factory.mktemp("lab")
    root, shared = extract(folder / "root"), folder / "shared"
    shared.mkdir()
    with native_engine(root, shared) as engine:
        yield engine, (root / "usr/bin/busybox").read_bytes()


@pytest.fixture
async def engine(lab: tuple[NativeEngine, bytes]) -> AsyncIterator[EngineClient]:
    async with EngineClient(lab[0].socket) as made:
        yield made


async def run(engine: EngineClient, program: bytes, **host: object) -> str:
    """Run a container with one program and one file, and no shell."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, data in (("sleep", program), ("etc/secret", SECRET)):
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), 0o755
            tar.addfile(info, io.BytesIO(data))
    image = await engine.images.make_empty({"purpose": "test"})
    config = {"Image": image, "Cmd": ["/sleep", "1000"], "HostConfig": {"NetworkMode": "none", **host}}
    key = await engine.containers.create(config)
    await engine.containers.put_archive(key, "/", archive.getvalue())
    await engine.containers.start(key)
    return key


async def said(engine: EngineClient, key: str, words: str) -> str:
    """What a debug shell answers."""
    async with debug_shell(engine, key) as (_, line):
        await line.write(words.encode() + b"; exit\n")
        return b"".join([frame.data async for frame in line.frames()]).decode()


async def test_it_sees_files_and_processes_and_leaves_nothing(
    engine: EngineClient, lab: tuple[NativeEngine, bytes]
) -> None:
    key = await run(engine, lab[1])
    before = await engine.containers.inspect(key)
    answer = await said(engine, key, f"cat {TARGET}/etc/secret; ps; echo new >{TARGET}/etc/made")
    assert SECRET.decode().strip() in answer
    assert "/sleep 1000" in answer
    assert "new" in await said(engine, key, f"cat {TARGET}/etc/made")
    after = await engine.containers.inspect(key)
    assert (after["Image"], after["State"]) == (before["Image"], before["State"])
    ours = {"label": [OURS]}
    assert await engine.containers.list(all=True, filters=ours) == []
    assert await engine.images.list(filters=ours) == []


async def test_the_files_are_the_containers_own_whose_processes_it_shares(
    engine: EngineClient, lab: tuple[NativeEngine, bytes]
) -> None:
    """Process 1 is another's there; so it is where the container has the machine's processes."""
    first = await run(engine, lab[1])
    for mode in (f"container:{first}", "host"):
        key = await run(engine, lab[1], PidMode=mode)
        await said(engine, key, f"echo mine >{TARGET}/etc/whose")
        assert "mine" in await said(engine, key, f"cat {TARGET}/etc/whose")
        assert "No such file" in await said(engine, first, f"cat {TARGET}/etc/whose")


async def test_what_does_not_run_has_none(engine: EngineClient, lab: tuple[NativeEngine, bytes]) -> None:
    key = await run(engine, lab[1])
    await engine.containers.kill(key)
    await engine.containers.wait(key)
    with pytest.raises(EngineError, match="not running"):
        await said(engine, key, "true")
