"""Read the recipe of the system image and give it its name: the version is a hash over all that goes in.

Sources of the version: the recipe file, the guest's files (``rootfs``, ``initramfs``, ``native``), the engine's
files handed in by the caller, and the architecture. Not the tools of the host that builds: two hosts may make
different bytes of the same recipe, and either result is that recipe's image.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vm.errors import ImageError
from vm.spec import Arch

HERE = Path(__file__).resolve().parent
ENGINE_ROOTFS = HERE.parent.parent / "engine" / "rootfs"
"""Where the engine's guest files lie in this project; only a path here, no import (vm knows no engine)."""

TRIPLETS = {Arch.AMD64: "x86_64-linux-gnu", Arch.ARM64: "aarch64-linux-gnu"}


@dataclass(frozen=True)
class NativeProgram:
    """A program of ours in C.

    :ivar place: where it goes in the root.    :ivar libraries: what it is linked with, as ``-l`` names them.
    :ivar shared: a shared library, not a program.
    """

    place: str
    sources: tuple[Path, ...]
    libraries: tuple[str, ...]
    shared: bool


@dataclass(frozen=True)
class Recipe:
    """The recipe as values, and the folders it takes guest files from.

    :ivar text: the recipe file as it is, part of the version.
    :ivar rootfs: folders laid over the root in this order.
    :ivar initramfs: the folder whose files go into the initramfs.
    :ivar native: the folder of the guest's programs in C.
    """

    text: bytes
    data: dict[str, Any]
    rootfs: tuple[Path, ...]
    initramfs: Path
    native: Path

    @property
    def suite(self) -> str:
        return str(self.data["debian"]["suite"])

    @property
    def newer_suite(self) -> str:
        return str(self.data["debian"]["newer_suite"])

    @property
    def newer_packages(self) -> list[str]:
        return list(self.data["debian"]["newer_packages"])

    @property
    def expect(self) -> dict[str, str]:
        """Package → the beginning its version must have (after the epoch)."""
        return dict(self.data["expect"])

    @property
    def cluster(self) -> int:
        """Bytes of erofs' largest compressed cluster (mkfs.erofs(1), ``-C``)."""
        return int(self.data["root"]["cluster"])

    @property
    def licences(self) -> str:
        return str(self.data["root"]["licences"])

    @property
    def links(self) -> dict[str, str]:
        return dict(self.data["root"]["links"])

    @property
    def folders(self) -> list[str]:
        return list(self.data["root"]["folders"])

    def packages(self, arch: Arch) -> list[str]:
        """Names of the packages to fetch, sorted."""
        wanted = self.data["packages"]
        return sorted([*wanted["common"], *wanted[arch.value]])

    def programs(self, arch: Arch) -> list[str]:
        """Patterns of files to take, relative to the root of the unpacked packages."""
        root = self.data["root"]
        return [
            entry.format(triplet=TRIPLETS[arch]) for entry in [*root["programs"], *root[arch.value]["programs"]]
        ]

    @property
    def glibc(self) -> str:
        """The version of glibc in the root, as ``major.minor``."""
        return str(self.data["native"]["glibc"])

    def native_programs(self) -> list[NativeProgram]:
        """What is compiled for the guest, in the recipe's order."""
        return [
            NativeProgram(
                place,
                tuple(self.native / source for source in entry["sources"]),
                tuple(entry.get("libraries", ())),
                bool(entry.get("shared", False)),
            )
            for place, entry in self.data["native"]["programs"].items()
        ]

    def modules(self, which: str) -> list[str]:
        """A list of the ``[modules]`` table: ``keep`` (patterns), ``initramfs``, ``machine``, ``engine``."""
        return list(self.data["modules"][which])

    def version(self, arch: Arch) -> str:
        """The image's content address: 16 hex digits over everything that goes in.

        :raise ImageError: a folder of guest files cannot be read.
        """
        digest = hashlib.sha256()
        feed(digest, "arch", arch.value.encode())
        feed(digest, "recipe", self.text)
        for folder in (self.initramfs, self.native, *self.rootfs):
            for name, kind, content in walk(folder):
                feed(digest, f"{kind} {name}", content)
        return digest.hexdigest()[:16]


def load_recipe(engine_rootfs: Path = ENGINE_ROOTFS) -> Recipe:
    """Read the project's recipe.

    :param engine_rootfs: the folder of the engine's guest files.
    :raise ImageError: the file is missing or not what it should be.
    """
    return read_recipe(HERE / "recipe.toml", (HERE / "rootfs", engine_rootfs), HERE / "initramfs", HERE / "native")


def read_recipe(path: Path, rootfs: tuple[Path, ...], initramfs: Path, native: Path) -> Recipe:
    """Read any recipe file (tests have their own).

    :raise ImageError: the file is missing or not what it should be.
    """
    try:
        text = path.read_bytes()
        data = tomllib.loads(text.decode())
    except (OSError, ValueError) as error:
        raise ImageError(
            "The recipe of the system image cannot be read", "Reinstall Slipway.", f"{path}: {error}"
        ) from error
    missing = {"debian", "expect", "packages", "root", "native", "modules"} - data.keys()
    if missing:
        raise ImageError(
            "The recipe of the system image is incomplete", "Reinstall Slipway.", f"{path}: no {sorted(missing)}"
        )
    return Recipe(text, data, rootfs, initramfs, native)


def feed(digest: hashlib._Hash, name: str, content: bytes) -> None:
    """Add one named piece so that no two different sets of pieces read the same."""
    label = name.encode()
    digest.update(b"%d:%d:" % (len(label), len(content)))
    digest.update(label)
    digest.update(content)


def walk(folder: Path) -> Iterator[tuple[str, str, bytes]]:
    """Every file and link below ``folder`` as (name, kind, content), in one fixed order.

    The kind is ``file``, ``program`` (executable by its owner) or ``link``; other permission bits do not count,
    since they differ with the umask of the user who checked the project out.
    """
    try:
        for path in sorted(folder.rglob("*"), key=lambda path: path.relative_to(folder).as_posix()):
            name = path.relative_to(folder).as_posix()
            if "__pycache__" in name or name.endswith("__init__.py"):
                continue
            if path.is_symlink():
                yield name, "link", path.readlink().as_posix().encode()
            elif path.is_file():
                yield name, "program" if is_program(path) else "file", path.read_bytes()
        if not folder.is_dir():
            raise FileNotFoundError(f"no folder {folder}")
    except OSError as error:
        raise ImageError(
            "Guest files of the system image are missing", "Reinstall Slipway.", str(error)
        ) from error


def is_program(path: Path) -> bool:
    """Whether a guest file is to be executable: by its first bytes, so that a checkout on any system agrees."""
    with path.open("rb") as file:
        return file.read(2) == b"#!"
