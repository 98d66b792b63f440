"""What is in a volume comes and goes whole: copied, exported and imported, removed and brought back."""

from __future__ import annotations

import asyncio
import io
import os
import tarfile
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from desktop.ui.removed_volumes import Removal, RemovedVolumes, Wanted
from desktop.ui.volume_archives import export_volume, import_volume
from engine.client import EngineClient
from engine.client.files import ContainerFiles
from engine.client.models import OURS
from engine.client.volume_files import VolumeFiles, copy_volume
from tests.e2e.native_busybox import engine_with_busybox
from tests.e2e.native_engine import NativeEngine
from tests.e2e.test_other_engines import docker
from vm.errors import EngineError

IMAGE = "slipway/busybox:latest"
TOOLBOX = ("-v", "/usr/bin/busybox:/busybox:ro")
"""The machine's: it has getfattr."""

RICH = r"""
cd /v && chown 999:998 . && chmod 1750 .
mkdir -p deep/er && chmod 2770 deep && chown 1000:1001 deep
echo hello > deep/file && chown 70:71 deep/file && chmod 4751 deep/file
ln deep/file deep/er/twin
ln -s deep/file near; ln -s /nowhere far; ln -s ../../etc up; chown -h 5:6 near
mkfifo -m 600 pipe; mknod -m 640 null c 1 3
touch "$(printf 'line\nbreak')" 'näme with blanks' -- -dash
dd if=/dev/urandom of=big bs=1M count=3 2>/dev/null
long=$(printf '%0100d' 0); mkdir -p "$long/$long" && echo deep > "$long/$long/$long"
/busybox find . -exec /busybox touch -h -d '2020-02-03 04:05:06' {} +
"""

TELL = r"""
cd /v && /busybox find . -print0 | /busybox sort -z | while IFS= read -r -d '' f; do
    /busybox stat -c '%n %F %a %u %g %h %s %Y %t %T' -- "$f"; /busybox readlink -- "$f"; /busybox getfattr -h "$f"
    [ -f "$f" ] && [ ! -L "$f" ] && /busybox sha256sum < "$f"
done; true
"""

ATTRIBUTES = {
    "attributed": {"user.note": 'a "quoted" käse', "user.empty": "", "user.two": 'one="x"\ntwo'},
    "attributed/near": {},
    "attributed/inner": {"user.x": "y" * 300},
}
"""Busybox has no program that sets these."""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may make the namespaces of a dockerd")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NativeEngine]:
    with engine_with_busybox(tmp_path_factory.mktemp("volumes"), IMAGE) as engine:
        docker(engine, "volume", "create", "--label", "team=core", "rich")
        run(engine, "rich", RICH)
        asyncio.run(attribute(engine))
        yield engine


async def attribute(made: NativeEngine) -> None:
    """Put what has extended attributes into the rich volume."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar:
        root = entry(".", {"user.root": "yes"}, tarfile.DIRTYPE)
        root.mode, root.uid, root.gid = 0o1750, 999, 998
        for one in (root, *(entry(name, values) for name, values in ATTRIBUTES.items())):
            tar.addfile(one)

    async def pieces() -> AsyncGenerator[bytes]:
        yield packed.getvalue()

    async with EngineClient(Path(made.socket)) as client:
        files = VolumeFiles(client, "rich")
        async with files.opened(), aclosing(files.fill(pieces())) as counts:
            assert [count async for count in counts] == [len(packed.getvalue())]


def entry(name: str, attributes: dict[str, str], kind: bytes = b"") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.mtime = 1_600_000_000
    made.type = kind or (tarfile.DIRTYPE if name == "attributed" else tarfile.REGTYPE)
    if name.endswith("near"):
        made.type, made.linkname = tarfile.SYMTYPE, "inner"
    made.pax_headers = {f"SCHILY.xattr.{key}": value for key, value in attributes.items()}
    return made


@pytest.fixture
async def engine(made: NativeEngine) -> AsyncIterator[EngineClient]:
    async with EngineClient(Path(made.socket)) as client:
        yield client
        wanted = {"label": [OURS]}
        assert not await client.containers.list(all=True, filters=wanted), "what was ours is gone"
        assert not await client.images.list(filters=wanted)


def run(made: NativeEngine, volume: str, script: str) -> str:
    """Run a script in a container that has the volume."""
    return docker(
        made, "run", "--rm", "--network", "none", "-v", f"{volume}:/v", *TOOLBOX, IMAGE, "sh", "-c", script
    )


def tell(made: NativeEngine, volume: str) -> str:
    """Everything that can be seen of a volume's files: kinds, owners, modes, links, times, attributes and sums.

    A folder's time is that of its last entry, and of the volume's own folder it is not kept."""
    return run(made, volume, TELL)


async def test_the_rich_one_is_rich(made: NativeEngine) -> None:
    told = tell(made, "rich")
    for words in (
        ". directory 1750 999 998",
        "4751 70 71 2",
        'user.note="a "quoted" käse"',
        "fifo 600",
        'user.root="yes"',
    ):
        assert words in told, words


async def test_a_copy_is_the_same(made: NativeEngine, engine: EngineClient) -> None:
    await engine.volumes.create("copy")
    async with aclosing(copy_volume(engine, "rich", "copy")) as counts:
        last = [count async for count in counts][-1]
    assert last > 3_000_000
    assert tell(made, "copy") == tell(made, "rich")


@pytest.mark.parametrize("ending", [".tar.zst", ".tar.gz"])
async def test_exported_and_imported_it_is_the_same(
    made: NativeEngine, engine: EngineClient, tmp_path: Path, ending: str
) -> None:
    target, name = tmp_path / f"rich{ending}", f"again{ending.replace('.', '-')}"
    async with aclosing(export_volume(engine, "rich", target, 3_000_000)) as steps:
        assert [step async for step in steps]
    async with aclosing(import_volume(engine, target, name)) as steps:
        last = [step async for step in steps][-1]
    assert last.current == last.total == target.stat().st_size
    assert tell(made, name) == tell(made, "rich")


async def test_removed_and_brought_back_it_is_the_same(
    made: NativeEngine, engine: EngineClient, tmp_path: Path
) -> None:
    await engine.volumes.create("going", labels={"team": "core"})
    async with aclosing(copy_volume(engine, "rich", "going")) as counts:
        assert [count async for count in counts]
    copies = RemovedVolumes(tmp_path / "removed")
    removal = Removal(engine, "/linux", [Wanted("going", 3_000_000)], copies)
    async with aclosing(removal.run()) as steps:
        assert [step async for step in steps]
    assert [outcome.error for outcome in removal.outcomes] == [None]
    assert "going" not in docker(made, "volume", "ls", "-q").split()
    restored: list[str] = []
    async with aclosing(copies.restore(engine, removal.kept[0], restored)) as steps:
        assert [step async for step in steps]
    assert restored == ["going"]
    assert tell(made, "going") == tell(made, "rich")
    assert (await engine.volumes.inspect("going"))["Labels"] == {"team": "core"}
    assert copies.found() == []


async def test_emptied_it_keeps_its_own_folder(made: NativeEngine, engine: EngineClient) -> None:
    await engine.volumes.create("emptied")
    async with aclosing(copy_volume(engine, "rich", "emptied")) as counts:
        assert [count async for count in counts]
    files = VolumeFiles(engine, "emptied")
    async with files.opened():
        await files.clear()
    told = tell(made, "emptied").splitlines()
    assert [line for line in told if line.startswith("./")] == []
    assert ". directory 1750 999 998" in told[0]


async def test_what_is_interrupted_leaves_nothing(
    made: NativeEngine, engine: EngineClient, tmp_path: Path
) -> None:
    target = tmp_path / "whole.tar.zst"
    async with aclosing(export_volume(engine, "rich", target, 0)) as steps:
        assert [step async for step in steps]
    cut = tmp_path / "cut.tar.zst"
    cut.write_bytes(target.read_bytes()[:-1000])
    with pytest.raises(EngineError, match="is damaged"):
        async with aclosing(import_volume(engine, cut, "cut")) as steps:
            assert [step async for step in steps]
    async with aclosing(import_volume(engine, target, "left")) as steps:
        await anext(steps)  # as when the dialog is closed
    async with aclosing(export_volume(engine, "rich", tmp_path / "never.tar.zst", 0)) as steps:
        await anext(steps)
    assert not {"cut", "left"} & set(docker(made, "volume", "ls", "-q").split())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut.tar.zst", "whole.tar.zst"]


WORK = """
mkdir /srv; echo one > /srv/conf; chown 70:71 /srv/conf; chmod 640 /srv/conf; ln -s /nowhere /srv/far
echo gone > /srv/gone; rm -r /tmp; ln -s conf /srv/link; exec sleep 999
"""


async def test_files_of_a_container_are_changed_where_they_are(
    made: NativeEngine, engine: EngineClient, tmp_path: Path
) -> None:
    words = ("run", "-d", "--network", "none", "--name", "files", "--user", "0", IMAGE, "sh", "-c", WORK)
    key = docker(made, *words).strip()
    files = ContainerFiles(engine, key)
    while "link" not in [entry.name for entry in (await files.look("/srv")).entries]:
        await asyncio.sleep(0.05)  # what a container has done has no event
    await files.remove("/srv/gone")
    held = await files.read("/srv/link", 1000)
    assert (held.path, held.data, held.whole, held.info.uid) == ("/srv/conf", b"one\n", True, 70)
    assert await files.write(held, b"two\nlines\n", b"one\n")
    assert not await files.write(held, b"three", b"one\n"), "something else has written to it"
    told = docker(made, "exec", "files", "sh", "-c", "cat /srv/conf; stat -c '%a %u %g' /srv/conf; ls /srv")
    assert told.split() == ["two", "lines", "640", "70", "71", "conf", "far", "link"]
    top = {entry.name: entry.since for entry in (await files.look_and_compare("/")).entries}
    assert (top["srv"], top["tmp"], top["bin"]) == ("Added", "Deleted", "")
    srv = {entry.name: entry.since for entry in (await files.look_and_compare("/srv")).entries}
    assert srv == {"conf": "Added", "far": "Added", "link": "Added"}
    (folder,) = await files.fetch("/", ["srv"], tmp_path, 10**6)
    assert (folder / "conf").read_text() == "two\nlines\n"
    assert sorted(path.name for path in folder.iterdir()) == ["conf", "link"], "what leads out is left out"
    with pytest.raises(EngineError, match="too much"):
        await files.fetch("/", ["bin"], tmp_path / "again", 1000)
    docker(made, "rm", "-f", "files")
