"""Compile the programs of the Kubernetes image, for either architecture and on any host alike.

Go fetches the modules from wherever this user's configuration says, and checks each by go.sum. It keeps what it
has compiled in this user's cache, so a build that was cancelled goes on where it was.
"""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

from vm.errors import HostError
from vm.image.fetch import Progress, find_tool, run, run_lines
from vm.image.kubernetes.recipe import GoProgram, KubernetesRecipe
from vm.spec import Arch

MUSL = {Arch.AMD64: "x86_64-linux-musl", Arch.ARM64: "aarch64-linux-musl"}
PAUSE_FLAGS = ("-static", "-Os", "-s", "-Wall", "-Wextra", "-Werror", "-Wl,--build-id=none")

HINT = "Check the network and try again. A build needs about 6 GB of disk and 4 GB of memory."
GO_HINT = "Install Go {} and put it on the PATH."


def environment(arch: Arch) -> dict[str, str]:
    """How Go is to compile (``go help environment``); where modules come from stays as the user has it."""
    return {
        "CGO_ENABLED": "0",
        "GOARCH": arch.value,
        "GOFLAGS": "-buildvcs=false -mod=readonly",
        "GOOS": "linux",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }


async def check_go(recipe: KubernetesRecipe) -> str:
    """See that there is a Go that the recipe expects; its version.

    :raise HostError: there is none, or another one.
    """
    hint = GO_HINT.format(f"{recipe.expect_go}x")
    try:
        go = find_tool("go")
    except HostError as error:
        raise HostError("Go is missing; building the Kubernetes image needs it", hint) from error
    process = await asyncio.create_subprocess_exec(
        go, "env", "GOVERSION", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    version = output.decode(errors="replace").strip().removeprefix("go")
    if not version.startswith(recipe.expect_go):
        raise HostError(f"Go {version} does not build the Kubernetes image", hint, go)
    return version


async def compile_go(
    recipe: KubernetesRecipe, program: GoProgram, arch: Arch, place: Path, progress: Progress
) -> None:
    """Compile and link one program.

    :param progress: called with the packages compiled so far, as a share of all.
    :raise ImageError: it does not compile, or a module cannot be had; the detail is what Go said.
    """
    go, variables = find_tool("go"), environment(arch)
    failure = f"{program.name} cannot be compiled"
    listing = [go, "list", "-C", str(program.folder), "-deps", "-f", "{{.ImportPath}}", "."]
    progress(f"fetching the modules of {program.name}", 0.0)
    packages = 0
    async for line in run_lines(listing, b"", failure, [], variables, HINT):
        packages += not line.startswith("go: ")
    flags = ["-s", "-w", "-buildid=", *(f"-X {variable}" for variable in program.variables)]
    # -v prints each package as it is compiled; what the cache has it leaves out
    building = [go, "build", "-C", str(program.folder), f"-p={recipe.parallel}", "-v", "-trimpath"]
    building += ["-ldflags", " ".join(flags), "-o", str(place), "."]
    done = 0
    async for line in run_lines(building, b"", failure, [], variables, HINT):
        if re.fullmatch(r"[\w./~-]+", line):
            done += 1
            progress(f"compiling {program.name}: {line}", min(1.0, done / max(1, packages)))


async def compile_pause(recipe: KubernetesRecipe, arch: Arch, place: Path, work: Path) -> None:
    """Compile the pause program, which needs no library.

    :param work: an empty folder for the compiler's cache.
    :raise ImageError: it does not compile.
    """
    argv = [sys.executable, "-m", "ziglang", "cc", "-target", MUSL[arch], *PAUSE_FLAGS, str(recipe.pause)]
    argv += ["-o", str(place)]
    cache = {"ZIG_LOCAL_CACHE_DIR": str(work / "local"), "ZIG_GLOBAL_CACHE_DIR": str(work / "global")}
    await run(argv, "The pause program cannot be compiled", cache)
