"""The store of system images: found by content, checked byte by byte, never half there."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from vm.errors import HostError, ImageError
from vm.image.store import FILES, MANIFEST, ImageInfo, ImageStore
from vm.spec import Arch

ABOUT = {"created_by": "test", "packages": {"docker.io": "28.5"}, "tools": {}}


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    return ImageStore(tmp_path / "images")


async def put(store: ImageStore, version: str = "v1", arch: Arch = Arch.AMD64, text: str = "x") -> ImageInfo:
    async with store.building(version) as work:
        made = work / "made"
        made.mkdir()
        for name in FILES:
            (made / name).write_text(f"{name} {text}")
        return store.add(made, version, arch, ABOUT)


async def test_an_image_is_found_again(store: ImageStore) -> None:
    image = await put(store)
    assert store.find(Arch.AMD64, "v1") == image
    assert store.find(Arch.ARM64, "v1") is None
    assert store.find(Arch.AMD64, "v2") is None
    (info,) = store.list()
    assert (info.version, info.packages, info.total_size) == (
        "v1",
        {"docker.io": "28.5"},
        sum(len(f"{n} x") for n in FILES),
    )
    assert store.verify(image) == info


@pytest.mark.parametrize("name", FILES)
async def test_a_changed_byte_is_found_and_named(store: ImageStore, name: str) -> None:
    image = await put(store)
    path = store.folder / "v1" / name
    path.write_text(path.read_text().upper())
    with pytest.raises(ImageError, match=f"{name} is damaged") as caught:
        store.verify(image)
    assert "slipway image build --force" in caught.value.hint
    assert store.find(Arch.AMD64, "v1") is not None  # the quick look only compares sizes


@pytest.mark.parametrize("name", FILES)
async def test_a_cut_or_missing_file_is_found_at_once(store: ImageStore, name: str) -> None:
    await put(store)
    path = store.folder / "v1" / name
    path.write_text("")
    with pytest.raises(ImageError, match="damaged"):
        store.find(Arch.AMD64, "v1")
    path.unlink()
    with pytest.raises(ImageError, match="cannot be read"):
        store.find(Arch.AMD64, "v1")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 99}', '{"schema": 1}'])
async def test_a_manifest_that_makes_no_sense(store: ImageStore, text: str) -> None:
    await put(store)
    (store.folder / "v1" / MANIFEST).write_text(text)
    with pytest.raises(ImageError, match="manifest"):
        store.find(Arch.AMD64, "v1")
    assert store.list() == []


async def test_a_rebuilt_image_takes_the_place_of_the_old(store: ImageStore) -> None:
    await put(store, text="old")
    image = await put(store, text="new")
    assert image.boot.kernel.read_text() == "kernel new"
    assert [path.name for path in store.folder.iterdir() if not path.name.endswith(".lock")] == ["v1"]


async def test_an_interrupted_build_leaves_nothing(store: ImageStore) -> None:
    async def build() -> None:
        async with store.building("v1") as work:
            (work / "half").write_text("done")
            await asyncio.Event().wait()

    task = asyncio.create_task(build())
    while not list(store.folder.glob(".v1.work-*/half")):
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not list(store.folder.glob(".v1.work-*"))
    assert store.find(Arch.AMD64, "v1") is None


async def test_the_remains_of_a_killed_build_are_cleaned_up(store: ImageStore) -> None:
    left = store.folder / ".v1.work-dead"
    left.mkdir(parents=True)
    (left / "half").write_text("done")
    await put(store)
    assert not left.exists()


async def test_two_builders_wait_for_each_other(store: ImageStore) -> None:
    at_once = 0

    async def build() -> None:
        nonlocal at_once
        async with store.building("v1"):
            at_once += 1
            assert at_once == 1
            await asyncio.sleep(0.05)
            at_once -= 1

    await asyncio.gather(build(), build(), build())


async def test_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(HostError, match="cannot be stored"):
        await put(ImageStore(tmp_path / "file"))


async def test_removing(store: ImageStore) -> None:
    await put(store)
    for strange in ("", "..", ".v1.lock", "a/b", "nothing"):
        store.remove(strange)
    assert store.folder.exists()
    assert store.list()
    store.remove("v1")
    assert store.list() == []


async def test_the_manifest_holds_what_was_promised(store: ImageStore) -> None:
    await put(store)
    manifest = json.loads((store.folder / "v1" / MANIFEST).read_text())
    assert set(manifest["files"]) == set(FILES)
    assert all(len(entry["sha256"]) == 64 and entry["size"] for entry in manifest["files"].values())


async def put_all(store: ImageStore, *versions: str, arch: Arch = Arch.AMD64) -> None:
    """Images made one after the other."""
    for age, version in enumerate(reversed(versions)):
        await put(store, version, arch)
        made = 1_800_000_000 - age * 60
        os.utime(store.folder / version / MANIFEST, (made, made))


async def test_the_newest_of_each_architecture_stay(store: ImageStore) -> None:
    await put_all(store, "a1", "a2", "a3", "a4")
    await put_all(store, "b1", "b2", "b3", arch=Arch.ARM64)
    assert sorted(store.prune()) == ["a1", "a2", "b1"]
    assert sorted(image.version for image in store.list()) == ["a3", "a4", "b2", "b3"]
    assert store.prune() == ()
    assert not list(store.folder.glob(".*.pruned"))


async def test_images_in_use_stay(store: ImageStore) -> None:
    await put_all(store, "a1", "a2", "a3", "a4", "a5")
    kernel = store.folder / "a2" / "kernel"
    argv = [sys.executable, "-I", "-S", "-c", "input()", "-kernel", str(kernel)]
    booted = subprocess.Popen(argv, stdin=subprocess.PIPE)
    try:
        assert store.prune(in_use=["a1"]) == ("a3",)
    finally:
        booted.communicate(b"\n")
    assert store.prune(newest=1) == ("a4", "a2", "a1")


async def test_what_was_half_removed_goes_with_the_next(store: ImageStore) -> None:
    await put_all(store, "a1")
    left = store.folder / ".a0.pruned"
    left.mkdir()
    (left / "kernel").touch()
    foreign = store.folder / "notes.txt"
    foreign.touch()
    assert store.prune() == ()
    assert not left.exists()
    assert foreign.exists()
