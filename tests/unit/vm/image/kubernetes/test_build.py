"""The Kubernetes image, built by the real tools from small programs in the place of Kubernetes."""

from __future__ import annotations

import io
import json
import shutil
import signal
import subprocess
import tarfile
from pathlib import Path

import pytest

from vm.errors import HostError, ImageError
from vm.host import host
from vm.image.kubernetes.build import DISK, PAUSE, make_files, write_pause_archive
from vm.image.kubernetes.compile import check_go, compile_go
from vm.image.kubernetes.recipe import HERE, KubernetesRecipe, load_kubernetes_recipe
from vm.spec import Arch

MAIN = 'package main\n\nvar greeting = "none"\n\nfunc main() { print(greeting) }\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a recipe of its own."""
    folder = tmp_path / "recipe"
    for name in ("program", "cri_dockerd"):
        (folder / name).mkdir(parents=True)
        (folder / name / "go.mod").write_text(f"module slipway.invalid/{name}\n\ngo 1.24\n")
        (folder / name / "main.go").write_text(MAIN)
    shutil.copy(HERE / "pause.c", folder)
    (folder / "rootfs" / "etc").mkdir(parents=True)
    (folder / "rootfs" / "etc" / "settings").write_text("text")
    (folder / "rootfs" / "up").write_text("#!/bin/sh\n")
    text = (HERE / "recipe.toml").read_text()
    start = text.index("variables = [", text.index("[programs.kube]"))
    end = text.index("]\n", start)
    (folder / "recipe.toml").write_text(f'{text[:start]}variables = ["main.greeting=hello"{text[end:]}')
    return folder


@pytest.fixture
def recipe(folder: Path) -> KubernetesRecipe:
    return load_kubernetes_recipe(folder)


def quiet(text: str, fraction: float | None) -> None:
    """Ignore the progress."""


def test_everything_that_goes_in_counts_and_nothing_else(folder: Path) -> None:
    def version(arch: Arch = Arch.AMD64) -> str:
        return load_kubernetes_recipe(folder).version(arch)

    seen = [version(), version(Arch.ARM64)]
    for path in ("program/go.sum", "program/main.go", "pause.c", "rootfs/up", "recipe.toml"):
        with (folder / path).open("a") as file:
            file.write("\n")
        seen.append(version())
    assert len(set(seen)) == len(seen)
    for path in ("program/main_test.go", "build.py"):
        (folder / path).write_text("x")
        assert version() == seen[-1]


def test_a_recipe_that_makes_no_sense(folder: Path) -> None:
    (folder / "recipe.toml").write_text("[go]\n")
    with pytest.raises(ImageError, match="incomplete"):
        load_kubernetes_recipe(folder)
    (folder / "recipe.toml").write_text("[go")
    with pytest.raises(ImageError, match="cannot be read"):
        load_kubernetes_recipe(folder)


async def test_another_go_is_refused(recipe: KubernetesRecipe, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await check_go(recipe)).startswith(recipe.expect_go)
    recipe.data["go"]["expect"] = "0.9."
    with pytest.raises(HostError, match=r"Go [\d.]+ does not build") as caught:
        await check_go(recipe)
    assert "Install Go 0.9.x" in caught.value.hint
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(HostError, match="Go is missing"):
        await check_go(recipe)


@pytest.mark.parametrize("arch", list(Arch))
async def test_a_program_is_the_same_each_time(recipe: KubernetesRecipe, tmp_path: Path, arch: Arch) -> None:
    program = recipe.programs[0]
    seen: list[float | None] = []
    for name in ("first", "second"):
        await compile_go(recipe, program, arch, tmp_path / name, lambda _, share: seen.append(share))
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()
    assert all(share is not None and 0 <= share <= 1 for share in seen)
    if arch is host().arch:
        done = subprocess.run([tmp_path / "first"], capture_output=True, text=True, check=True)
        assert done.stderr == "hello"


async def test_what_go_says_is_the_detail(recipe: KubernetesRecipe, tmp_path: Path) -> None:
    (recipe.programs[0].folder / "main.go").write_text("package main\n\nfunc main() { nothing() }\n")
    with pytest.raises(ImageError, match="kube cannot be compiled") as caught:
        await compile_go(recipe, recipe.programs[0], host().arch, tmp_path / "program", quiet)
    assert "undefined: nothing" in caught.value.detail


def test_the_pause_image_is_one_that_docker_loads(tmp_path: Path) -> None:
    for name in ("first", "second"):
        write_pause_archive(tmp_path / name, b"program", Arch.ARM64)
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()
    with tarfile.open(tmp_path / "first") as tar:
        (manifest,) = json.load(tar.extractfile("manifest.json") or io.BytesIO())
        assert manifest["RepoTags"] == [PAUSE]
        assert json.load(tar.extractfile(manifest["Config"]) or io.BytesIO())["architecture"] == "arm64"


async def test_the_whole_image(recipe: KubernetesRecipe, tmp_path: Path) -> None:
    work, out = tmp_path / "work", tmp_path / "out"
    work.mkdir()
    seen: list[float] = []
    made = await make_files(recipe, host().arch, "v1", work, lambda _, share: seen.append(share or 0.0))
    assert seen == sorted(seen)
    assert [path.name for path in made.iterdir()] == [DISK]
    subprocess.run(["fsck.erofs", f"--extract={out}", made / DISK], check=True, capture_output=True)
    assert (out / "bin" / "kubectl").readlink() == Path("kube")
    assert {path.name for path in out.iterdir()} == {"bin", "etc", "pause.tar", "tools", "up"}
    modes = {name: (out / name).stat().st_mode & 0o777 for name in ("up", "etc/settings", "bin/kube")}
    assert modes == {"up": 0o755, "etc/settings": 0o644, "bin/kube": 0o755}
    with tarfile.open(out / "pause.tar") as outer, tarfile.open(fileobj=outer.extractfile("layer.tar")) as layer:
        layer.extractall(tmp_path, filter="tar")
    assert (tmp_path / "pause").stat().st_size < 16384
    pausing = subprocess.Popen([tmp_path / "pause"])
    with pytest.raises(subprocess.TimeoutExpired):
        pausing.wait(0.5)
    pausing.send_signal(signal.SIGTERM)
    assert pausing.wait(10) == 0
