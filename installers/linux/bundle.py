"""What of Debian comes with the package that depends on nothing (bundle.toml): QEMU, and libraries of Qt's.

The programs are Debian's own builds, unpacked. They find their libraries in their folder by a search path that
patchelf writes into them, and QEMU its firmware in the folder ``qemu-bundle`` beside it (QEMU's manual, "Build
system").
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from installers.checkout.console import StepError, run_quietly, say
from installers.checkout.system import find_program
from installers.common.store import keep, key_of
from installers.common.tree import copy_files
from vm.errors import UserError
from vm.image.elf import read_needs
from vm.image.fetch import fetch
from vm.image.recipe import Recipe
from vm.spec import Arch

RECIPE = Path(__file__).with_name("bundle.toml")

FOLDERS = ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu")
"""Where Debian has libraries."""

GLIBC = frozenset(
    f"lib{name}.so.{number}"
    for number, names in ((6, ("c", "m")), (2, ("dl", "resolv", "util")), (1, ("rt",)), (0, ("pthread",)))
    for name in names
) | {"ld-linux-x86-64.so.2"}
"""Stays the system's: the loader and its library belong together."""

FIRMWARE = Path("qemu-bundle/usr/share/qemu")
LICENCES = "usr/share/doc/*/copyright"


def bundle() -> Path:
    """The folder with ``qemu``, and ``qt`` for beside Qt's own libraries.

    :raise StepError: Debian's packages cannot be had, or a tool is missing.
    """

    def make(folder: Path) -> None:
        data = tomllib.loads(RECIPE.read_text(encoding="utf-8"))
        with tempfile.TemporaryDirectory(prefix=".work-", dir=folder) as name:
            work = Path(name)
            unpack(data, work)
            take_qemu(work / "tree", folder / "qemu", data["qemu"])
            take_libraries(work / "tree", folder / "qt", data["qt"]["libraries"])

    return keep("linux-bundle", key_of(RECIPE.read_bytes(), Path(__file__).read_bytes()), make)


def unpack(data: dict[str, Any], work: Path) -> None:
    """Unpack the packages into ``work / "tree"``.

    :raise StepError: they cannot be had.
    """
    nothing = Path()
    recipe = Recipe(b"", data, rootfs=(), initramfs=nothing, native=nothing)
    say("· fetching QEMU from Debian")
    try:
        asyncio.run(fetch(recipe, Arch.AMD64, work, None, lambda text, part: None))
    except UserError as error:
        raise StepError(f"{error.message}\n{error.hint}\n{error.detail}") from error


def take_qemu(tree: Path, folder: Path, wanted: dict[str, list[str]]) -> None:
    """Lay out QEMU with its libraries, firmware and licences.

    :raise StepError: something that it needs is not in the packages.
    """
    libraries = folder / "lib"
    libraries.mkdir(parents=True)
    programs = []
    for name in wanted["programs"]:
        programs.append(Path(shutil.copy2(tree / name, folder)))
    take(libraries, needed(tree, programs))
    set_search_path(programs, "$ORIGIN/lib")
    (folder / FIRMWARE).mkdir(parents=True)
    for name in wanted["firmware"]:
        shutil.copyfile(tree / name, folder / FIRMWARE / Path(name).name)
    for path in sorted(tree.glob(LICENCES)):
        target = folder / "licenses" / f"{path.parent.name}.txt"
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(path, target)


def take_libraries(tree: Path, folder: Path, names: Iterable[str]) -> None:
    """Copy just these libraries."""
    folder.mkdir()
    take(folder, [find(tree, name) for name in names])


def needed(tree: Path, programs: Iterable[Path]) -> list[Path]:
    """All libraries that programs need, and those that these need, but for glibc's."""
    found: dict[str, Path] = {}
    left = list(programs)
    while left:
        needs = read_needs(left.pop())
        for name in needs.libraries if needs is not None else ():
            if name not in found and name not in GLIBC:
                found[name] = find(tree, name)
                left.append(found[name])
    return [path for _, path in sorted(found.items())]


def find(tree: Path, name: str) -> Path:
    """A library in the unpacked packages, by its soname.

    :raise StepError: it is not there.
    """
    for folder in FOLDERS:
        if (tree / folder / name).exists():
            return tree / folder / name
    raise StepError(f"{name} is not in the packages of {RECIPE.name}")


def take(folder: Path, libraries: Iterable[Path]) -> None:
    """Copy libraries, each under its soname, so that they find one another."""
    set_search_path([Path(shutil.copyfile(path, folder / path.name)) for path in libraries], "$ORIGIN")


def set_search_path(files: Iterable[Path], places: str) -> None:
    """Write into programs or libraries where theirs are.

    :raise StepError: patchelf is missing, or has failed.
    """
    patchelf = find_program("patchelf")
    if patchelf is None:
        raise StepError("Missing: patchelf\n  sudo apt-get install patchelf")
    run_quietly("setting where libraries are found", [patchelf, "--set-rpath", places, *files])


def add_bundle(folder: Path, qt: str) -> None:
    """Add it to a payload. :param qt: the folder of Qt's libraries, below the payload's."""
    made = bundle()
    copy_files(made / "qt", folder / qt)
    copy_files(made / "qemu", folder / "qemu")
    for path in (folder / "qemu").iterdir():
        if path.is_file():
            path.chmod(0o755)
