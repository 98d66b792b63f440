"""Unpacks the docker CLI with its plugins, and a foreign busybox and skopeo for the tests, from Debian's packages.

Debian 12 and Ubuntu have no package of the docker CLI alone, and a daemon must not come along with it. The suite
the system image takes its engine from has one, which runs on Debian 12 too (it needs glibc 2.34). Nothing is
installed: the packages are unpacked into the user's cache, signatures checked. This is the one module of the
bootstrap that runs inside the virtual environment, because it asks Slipway where packages and the cache are.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from vm.errors import UserError
from vm.host import host
from vm.image.fetch import find_tool, host_sources, newer_line, run_lines
from vm.image.recipe import load_recipe

DOCKER_PACKAGES = ("docker-cli", "docker-buildx", "docker-compose")
PLUGINS = "usr/libexec/docker/cli-plugins"
ARCHIVES = "var/cache/apt/archives"
SKOPEO = "usr/bin/skopeo"
LIBRARIES = "usr/lib/*/lib*.so*"
LOADER = "usr/lib/*/ld-linux-*.so.*"
FOREIGN = {"amd64": "arm64", "arm64": "amd64"}


def tools_folder() -> Path:
    """Where the unpacked tools are; may not exist."""
    return host().paths().cache / "tools" / load_recipe().newer_suite


def docker_folder() -> Path:
    """The docker CLI's own: ``usr/bin/docker``, its plugins, and the packages they came in."""
    return tools_folder() / "docker"


def skopeo_folder() -> Path:
    """Where skopeo is, with the libraries it needs; Debian 12's speaks an API that dockerd has no longer."""
    return tools_folder() / "skopeo"


def skopeo_argv() -> tuple[str, ...]:
    """Runs that skopeo: by the loader it came with, since its C library is newer than Debian 12's."""
    (loader,) = skopeo_folder().glob(LOADER)
    return (str(loader), "--library-path", str(loader.parent), str(skopeo_folder() / SKOPEO))


def foreign_busybox() -> Path:
    """A static busybox of the architecture that the host does not have."""
    return tools_folder() / f"busybox-{FOREIGN[host().arch]}"


async def unpack(packages: tuple[str, ...], arch: str, tree: Path) -> None:
    """Unpack ``packages`` and what they depend on into ``tree``.

    :raise UserError: the archive cannot be reached, or a tool is missing.
    """
    recipe = load_recipe()
    argv = [find_tool("mmdebstrap"), "--mode=chrootless", "--variant=extract", "--format=directory"]
    argv += ["--skip=cleanup/apt/cache", f"--architectures={arch}", f"--include={','.join(packages)}"]
    argv += ['--aptopt=APT::Install-Recommends "false"', '--aptopt=Acquire::Check-Valid-Until "false"']
    argv += [recipe.newer_suite, str(tree)]
    lines = await host_sources(recipe.suite)
    sources = ""
    if lines:
        sources = newer_line(lines, recipe.suite, recipe.newer_suite) + "\n"
        argv.append("-")
    tail: list[str] = []
    async for _ in run_lines(argv, sources.encode(), "Debian's packages cannot be fetched", tail):
        pass


def publish(made: Path, target: Path) -> None:
    """Move what was made to its place, unless another run of this program has been faster.

    :raise OSError: it cannot be moved.
    """
    try:
        made.rename(target)
    except OSError:  # a folder that is not empty is not replaced: rename(2)
        if not target.exists():
            raise


def is_missing(target: Path) -> bool:
    """Say whether ``target`` is still to be made; the folder for it is there afterwards."""
    target.parent.mkdir(parents=True, exist_ok=True)
    return not target.exists()


async def bring(target: Path, packages: tuple[str, ...], arch: str, pick: Callable[[Path, Path], None]) -> None:
    """Unpack packages into a tree, and have ``pick`` make what is wanted of that; unless ``target`` is there."""
    if not is_missing(target):
        return
    with tempfile.TemporaryDirectory(prefix=f"{target.name}-", dir=target.parent) as name:
        tree, wanted = Path(name) / "tree", Path(name) / "wanted"
        await unpack(packages, arch, tree)
        pick(tree, wanted)
        publish(wanted, target)


async def fetch_docker() -> None:
    """Unpack the docker CLI and its plugins, unless they are there."""

    def pick(tree: Path, wanted: Path) -> None:
        (wanted / "usr/bin").mkdir(parents=True)
        shutil.copy2(tree / "usr/bin/docker", wanted / "usr/bin/docker")
        shutil.copytree(tree / PLUGINS, wanted / PLUGINS)
        (wanted / "packages").mkdir()
        for package in DOCKER_PACKAGES:
            for file in (tree / ARCHIVES).glob(f"{package}_*.deb"):
                shutil.copy2(file, wanted / "packages")

    await bring(docker_folder(), DOCKER_PACKAGES, host().arch.value, pick)


async def fetch_skopeo() -> None:
    """Unpack skopeo with its libraries, unless it is there."""

    def pick(tree: Path, wanted: Path) -> None:
        for path in (tree / SKOPEO, *tree.glob(LIBRARIES), *tree.glob(LOADER)):
            place = wanted / path.relative_to(tree)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, place)

    await bring(skopeo_folder(), ("skopeo",), host().arch.value, pick)


async def fetch_busybox() -> None:
    """Unpack the foreign busybox, unless it is there."""

    def pick(tree: Path, wanted: Path) -> None:
        programs = [path for path in (tree / "bin/busybox", tree / "usr/bin/busybox") if path.exists()]
        programs[0].rename(wanted)

    await bring(foreign_busybox(), ("busybox-static",), FOREIGN[host().arch.value], pick)


def is_there(name: str) -> bool:
    """Say whether ``docker``, ``busybox`` or ``skopeo`` has been fetched."""
    return {"docker": docker_folder(), "busybox": foreign_busybox(), "skopeo": skopeo_folder()}[name].exists()


def main(arguments: list[str]) -> int:
    """Do ``fetch NAME`` (``docker`` prints its package files), or answer ``there NAME`` with the exit code."""
    command, name = arguments
    try:
        if command == "there":
            return 0 if is_there(name) else 1
        asyncio.run({"docker": fetch_docker, "busybox": fetch_busybox, "skopeo": fetch_skopeo}[name]())
    except UserError as error:
        print("\n".join(text for text in (error.message, error.hint, error.detail) if text), file=sys.stderr)
        return 1
    if name == "docker":
        for package in sorted((docker_folder() / "packages").iterdir()):
            print(package)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
