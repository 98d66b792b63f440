"""Tools from Debian's packages: fetched once, also when two set up at the same time."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from installers.checkout import fetch

FILES = ("usr/bin/docker", f"{fetch.PLUGINS}/docker-buildx", f"{fetch.ARCHIVES}/docker-cli_1.deb", "bin/busybox")


@pytest.fixture
def unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Unpacking takes until two do it; the trees that have been unpacked."""
    trees: list[Path] = []
    both = asyncio.Barrier(2)

    async def unpack(packages: tuple[str, ...], arch: str, tree: Path) -> None:
        for name in FILES:
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_text(name)
        trees.append(tree)
        await both.wait()

    monkeypatch.setattr(fetch, "unpack", unpack)
    monkeypatch.setattr(fetch, "tools_folder", lambda: tmp_path / "tools")
    return trees


async def test_two_at_once(unpacked: list[Path], tmp_path: Path) -> None:
    for work, found in (
        (fetch.fetch_docker, fetch.docker_folder() / "usr/bin/docker"),
        (fetch.fetch_busybox, fetch.foreign_busybox()),
    ):
        await asyncio.gather(work(), work())
        assert len(unpacked) == 2
        assert found.is_file()
        await work()  # it is there
        assert len(unpacked) == 2
        unpacked.clear()
    left = {path.name for path in (tmp_path / "tools").iterdir()}
    assert left == {"docker", fetch.foreign_busybox().name}


def test_what_cannot_be_moved_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        fetch.publish(tmp_path / "made", tmp_path / "nowhere" / "target")
