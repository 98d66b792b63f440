"""Tools from Debian's packages: fetched once, also when two set up at the same time."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from installers.checkout import fetch

SKOPEO = (fetch.SKOPEO, "usr/lib/some/libc.so.6", "usr/lib/some/ld-linux-some.so.2")
FILES = (
    "usr/bin/docker",
    f"{fetch.PLUGINS}/docker-buildx",
    f"{fetch.ARCHIVES}/docker-cli_1.deb",
    "bin/busybox",
    *SKOPEO,
)


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
        (fetch.fetch_skopeo, fetch.skopeo_folder() / fetch.SKOPEO),
    ):
        await asyncio.gather(work(), work())
        assert len(unpacked) == 2
        assert found.is_file()
        await work()  # it is there
        assert len(unpacked) == 2
        unpacked.clear()
    left = {path.name for path in (tmp_path / "tools").iterdir()}
    assert left == {"docker", "skopeo", fetch.foreign_busybox().name}
    loader, option, libraries, program = fetch.skopeo_argv()
    assert (Path(loader).name, option) == ("ld-linux-some.so.2", "--library-path")
    assert (Path(libraries) / "libc.so.6").is_file()
    assert program == str(fetch.skopeo_folder() / fetch.SKOPEO)


def test_what_cannot_be_moved_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        fetch.publish(tmp_path / "made", tmp_path / "nowhere" / "target")
