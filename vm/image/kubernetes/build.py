"""Build the Kubernetes image: compile the programs, put the root together, write the erofs, add it to the store.

The first build takes about 16 minutes of processor time, since it compiles Kubernetes; packages ship it ready.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import io
import json
import platform
import shutil
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

from vm.errors import ImageError, UserError
from vm.image.compile import check_compiler
from vm.image.erofs import make_erofs
from vm.image.fetch import Progress, find_tool
from vm.image.kubernetes.compile import check_go, compile_go, compile_pause
from vm.image.kubernetes.recipe import KubernetesRecipe, load_kubernetes_recipe
from vm.image.recipe import is_program
from vm.image.source import Found, Origin, obtain_version, ready_made
from vm.image.store import ImageInfo, ImageKind, ImageStore
from vm.spec import Arch

DISK = "kubernetes.erofs"
KUBERNETES = ImageKind("Kubernetes image", (DISK,), "slipway kubernetes enable --rebuild")

PAUSE = "slipway/pause:1"
"""The image that every pod begins with; program/parts.go names it, too."""

PAUSE_ARCHIVE = "pause.tar"

COMPILED = {"kube": (0.0, 0.85), "cri-dockerd": (0.85, 0.95)}
"""Where each program's compilation begins and ends in the whole."""


async def build(arch: Arch, store: ImageStore, progress: Progress, *, force: bool = False) -> ImageInfo:
    """Build the image for ``arch``, unless the store has it.

    Cancelling ends all programs; what Go has compiled stays in its cache. A second build of the same version waits
    for the first and returns its result.

    :param progress: called with what is going on, and how far it is (0…1).
    :param force: build even if the store has it.
    :raise ImageError: a program does not compile, or a module cannot be had.
    :raise HostError: the host lacks a tool, space or a permission.
    """
    recipe = load_kubernetes_recipe()
    version = await asyncio.to_thread(recipe.version, arch)
    if not force and (found := store.find(arch, version)):
        return found
    go = await check_go(recipe)
    find_tool("mkfs.erofs")
    check_compiler()
    async with store.building(version) as work:
        if not force and (found := store.find(arch, version)):
            return found
        try:
            made = await make_files(recipe, arch, version, work, progress)
        except OSError as error:
            raise ImageError(
                f"The Kubernetes image cannot be built: {error.strerror or error}",
                f"A build needs about 6 GB; free some space, {store.folder} included, and try again.",
                str(error),
            ) from error
        about = {"created_by": "slipway", "packages": {}, "tools": {"go": go, "python": platform.python_version()}}
        return await asyncio.to_thread(store.add, made, version, arch, about)


async def make_files(recipe: KubernetesRecipe, arch: Arch, version: str, work: Path, progress: Progress) -> Path:
    """Make the image's only file; returns the folder it is in."""
    root, made = work / "root", work / "made"
    made.mkdir()
    shutil.copytree(recipe.rootfs, root)
    (root / "bin").mkdir()
    for program in recipe.programs:
        start, end = COMPILED[program.name]

        def show(text: str, share: float | None, start: float = start, end: float = end) -> None:
            progress(text, start + (share or 0.0) * (end - start))

        await compile_go(recipe, program, arch, root / "bin" / program.name, show)
    progress("compiling the pause program", 0.95)
    await compile_pause(recipe, arch, work / "pause", work / "compiler")
    write_pause_archive(root / PAUSE_ARCHIVE, (work / "pause").read_bytes(), arch)
    for name, pointed in recipe.links.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).symlink_to(pointed)
    for path in root.rglob("*"):
        if not path.is_symlink():
            runs = path.is_dir() or path.parent == root / "bin" or is_program(path)
            path.chmod(0o755 if runs else 0o644)
    progress("compressing the image", 0.96)
    await make_erofs(root, made / DISK, recipe.cluster, version)
    return made


def write_pause_archive(target: Path, program: bytes, arch: Arch) -> None:
    """Write an archive for ``docker load``: an image with one program (Docker's image specification, v1.2)."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        _add(tar, "pause", program, 0o755)
    configuration = {
        "architecture": arch.value,
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": {"Entrypoint": ["/pause"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer.getvalue()).hexdigest()}"]},
    }
    text = json.dumps(configuration, sort_keys=True).encode()
    name = f"{hashlib.sha256(text).hexdigest()}.json"
    manifest = [{"Config": name, "RepoTags": [PAUSE], "Layers": ["layer.tar"]}]
    with tarfile.open(target, "w", format=tarfile.USTAR_FORMAT) as tar:
        _add(tar, "layer.tar", layer.getvalue(), 0o644)
        _add(tar, name, text, 0o644)
        _add(tar, "manifest.json", json.dumps(manifest).encode(), 0o644)


def _add(tar: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    entry = tarfile.TarInfo(name)  # of root, from 1970
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))


@dataclass(frozen=True)
class Builder:
    """The host, where it can build.

    :ivar force: build even what ``store`` has.
    """

    store: ImageStore
    force: bool = False
    origin: Origin = Origin.BUILT

    async def obtain(self, arch: Arch, version: str, progress: Progress) -> ImageInfo | None:
        """See :class:`vm.image.source.Source`."""
        return await build(arch, self.store, progress, force=self.force)


async def obtain_kubernetes(arch: Arch, store: ImageStore, progress: Progress, *, force: bool = False) -> Found:
    """Find or make the Kubernetes image of this version of Slipway; see :func:`vm.image.source.obtain`.

    :param store: of the kind :data:`KUBERNETES`.
    :param force: do not use what is here.
    """
    version = await asyncio.to_thread(lambda: load_kubernetes_recipe().version(arch))
    asked = (*ready_made(store, force=force), Builder(store, force))
    return await obtain_version(KUBERNETES, arch, version, asked, progress)


def main(argv: list[str]) -> int:
    """Build from a checkout without a supervisor: ``python -m vm.image.kubernetes.build [--arch ARCH]``."""
    parser = argparse.ArgumentParser(prog="vm.image.kubernetes.build", description="Build the Kubernetes image.")
    here = Arch.ARM64 if platform.machine() in ("aarch64", "arm64") else Arch.AMD64
    parser.add_argument("--arch", type=Arch, choices=list(Arch), default=here)
    parser.add_argument("--store", type=Path, default=Path.home() / ".cache" / "slipway" / "kubernetes")
    parser.add_argument("--force", action="store_true", help="build even if the image is there")
    given = parser.parse_args(argv)

    def show(text: str, fraction: float | None) -> None:
        print(f"{'' if fraction is None else f'{fraction:4.0%} '}{text}", file=sys.stderr)

    try:
        made = asyncio.run(build(given.arch, ImageStore(given.store, KUBERNETES), show, force=given.force))
    except UserError as error:
        print(f"{error.message}.\n{error.hint}\n{error.detail}", file=sys.stderr)
        return 1
    print(made.folder)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
