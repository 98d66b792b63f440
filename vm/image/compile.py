"""Compile the guest's programs in C, for either architecture and on any host alike.

The compiler is Zig's clang, which comes as a Python package with the headers of every glibc: one version makes the
same bytes everywhere. Other headers, and the libraries, are those of the fetched packages.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

from vm.errors import HostError
from vm.image.fetch import run
from vm.image.recipe import TRIPLETS, NativeProgram, Recipe
from vm.spec import Arch

FLAGS = (
    *("-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", "-D_FILE_OFFSET_BITS=64"),
    *("-fstack-protector-strong", "-fno-sanitize=undefined", "-s", "-Wl,--build-id=none"),
)

SHARED_FLAGS = ("-shared", "-fPIC", "-fvisibility=hidden")
"""A library exports only what it says, so that it replaces no function of the program it is loaded into."""

REINSTALL = "If you did not change it, reinstall the compiler: python3 -m pip install --force-reinstall ziglang"


def check_compiler() -> None:
    """:raise HostError: there is no compiler in this Python's environment."""
    if importlib.util.find_spec("ziglang") is None:
        raise HostError(
            "The compiler for the system image's own programs is missing",
            "Install it: python3 -m pip install ziglang (a checkout has it: python3 installers/dev.py setup).",
        )


async def compile_programs(recipe: Recipe, arch: Arch, source: Path, target: Path, work: Path) -> None:
    """Compile each of the recipe's programs to its place below ``target``.

    :param source: the unpacked packages, for headers and libraries.
    :param work: an empty folder for the compiler's cache.
    :raise ImageError: one does not compile; the detail is what the compiler said.
    """
    for program in recipe.native_programs():
        place = target / program.place
        place.parent.mkdir(parents=True, exist_ok=True)
        argv = compiler_argv(program, arch, recipe.glibc, source, place)
        cache = {"ZIG_LOCAL_CACHE_DIR": str(work / "local"), "ZIG_GLOBAL_CACHE_DIR": str(work / "global")}
        await run(argv, f"{program.place} cannot be compiled", cache, REINSTALL)
    shutil.rmtree(work, ignore_errors=True)


def compiler_argv(program: NativeProgram, arch: Arch, glibc: str, source: Path, place: Path) -> list[str]:
    """The compiler's arguments for one program."""
    triplet = TRIPLETS[arch]
    return [
        *(sys.executable, "-m", "ziglang", "cc", "-target", f"{triplet}.{glibc}"),
        *FLAGS,
        *(SHARED_FLAGS if program.shared else ()),
        *("-isystem", str(source / "usr/include")),
        *map(str, program.sources),
        *("-o", str(place), "-L", str(source / "usr/lib" / triplet)),
        *(f"-l{library}" for library in program.libraries),
    ]
