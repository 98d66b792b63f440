"""Put the guest's root together: chosen programs with their libraries, kernel modules, and our own files.

What is not named in the recipe is not taken, so the image holds no package manager, no scripts of packages and no
documentation but licences.
"""

from __future__ import annotations

import shutil
from pathlib import Path, PurePosixPath

from vm.errors import ImageError
from vm.image.elf import read_needs
from vm.image.modules import ModuleSet
from vm.image.recipe import TRIPLETS, Recipe, is_program
from vm.spec import Arch

MERGED = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64"}
"""Debian's merged /usr: the top-level names are links."""


class RootTree:
    """Copies out of the unpacked packages (``source``) into the new root (``target``)."""

    def __init__(self, source: Path, target: Path, arch: Arch) -> None:
        self.source = source
        self.target = target
        self._triplet = TRIPLETS[arch]
        self._taken: set[str] = set()

    def take(self, pattern: str) -> None:
        """Take what fits the pattern (glob(7), relative to the root), and the libraries it needs.

        :raise ImageError: nothing fits.
        """
        found = sorted(self.source.glob(pattern))
        if not found:
            raise ImageError(f"The fetched packages hold no {pattern}", "Correct the recipe.")
        for path in found:
            self._take(path.relative_to(self.source).as_posix())

    def _take(self, name: str) -> None:
        head, _, rest = name.partition("/")
        name = f"{MERGED[head]}/{rest}" if head in MERGED else name
        if name in self._taken:
            return
        self._taken.add(name)
        origin = self.source / name
        if origin.is_symlink():
            pointed = origin.readlink().as_posix()
            self.link(name, pointed)
            self._take(_resolve(name, pointed))
            return
        if not origin.is_file():
            raise ImageError(f"The fetched packages hold no {name}", "Correct the recipe.")
        place = self._place(name)
        shutil.copyfile(origin, place)
        place.chmod(0o755 if origin.stat().st_mode & 0o100 else 0o644)
        self._take_needs(origin)

    def _take_needs(self, origin: Path) -> None:
        try:
            needs = read_needs(origin)
        except ValueError as error:
            raise ImageError("A fetched program is not fit for this machine", detail=str(error)) from error
        if needs is None:
            return
        if needs.interpreter:
            self._take(needs.interpreter.lstrip("/"))
        for library in needs.libraries:
            for folder in (f"usr/lib/{self._triplet}", "usr/lib"):
                if (self.source / folder / library).exists():
                    self._take(f"{folder}/{library}")
                    break
            else:
                raise ImageError(f"No fetched package holds the library {library}", detail=f"needed by {origin}")

    def adopt(self, name: str, origin: Path, *, program: bool) -> None:
        """Put a compiled program of ours at ``name``, and the libraries it needs beside the others.

        :raise ImageError: no package holds one of them.
        """
        self.write(name, origin.read_bytes(), program=program)
        self._take_needs(origin)

    def link(self, name: str, pointed: str) -> None:
        """Make a symbolic link."""
        place = self._place(name)
        if not place.is_symlink():
            place.symlink_to(pointed)

    def write(self, name: str, content: bytes, *, program: bool = False) -> None:
        """Make a file, in place of one of that name."""
        place = self._place(name)
        place.write_bytes(content)
        place.chmod(0o755 if program else 0o644)

    def overlay(self, folder: Path) -> None:
        """Lay a folder of guest files over the root; scripts (``#!``) become executable."""
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            if path.is_file() and not name.endswith(("__init__.py", ".pyc")):
                self.write(name, path.read_bytes(), program=is_program(path))

    def _place(self, name: str) -> Path:
        place = self.target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        return place


def _resolve(name: str, pointed: str) -> str:
    """What a link at ``name`` points to, as a name below the root."""
    joined = (
        PurePosixPath(pointed.lstrip("/")) if pointed.startswith("/") else PurePosixPath(name).parent / pointed
    )
    parts: list[str] = []
    for part in joined.parts:
        if part == "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def compose(recipe: Recipe, arch: Arch, source: Path, native: Path, target: Path, modules: ModuleSet) -> None:
    """Make the whole root in ``target``, except for depmod's indexes.

    :param native: the compiled programs, laid out as in the root.
    :raise ImageError: the recipe names what the packages do not hold.
    """
    target.mkdir()
    for merged, place in MERGED.items():
        if (source / place).is_dir():
            (target / place).mkdir(parents=True)
            (target / merged).symlink_to(place)
    for folder in recipe.folders:
        (target / folder).mkdir(parents=True, exist_ok=True)
    root = RootTree(source, target, arch)
    for pattern in recipe.programs(arch):
        root.take(pattern)
    for program in recipe.native_programs():
        root.adopt(program.place, native / program.place, program=not program.shared)
    for licence in sorted(source.glob(recipe.licences)):
        root.write(licence.relative_to(source).as_posix(), licence.read_bytes())
    for name, pointed in recipe.links.items():
        root.link(name, pointed)
    root.write("etc/ssl/certs/ca-certificates.crt", certificates(source))
    modules.add_matching(recipe.modules("keep"))
    for name in sorted(modules.content):
        root.write(modules.place(name), modules.content[name])
    for index in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
        root.write(f"usr/lib/modules/{modules.tree.release}/{index}", (modules.tree.folder / index).read_bytes())
    loaded = set(modules.in_order(recipe.modules("initramfs")))
    for group in ("machine", "engine"):
        order = [name for name in modules.in_order(recipe.modules(group)) if name not in loaded]
        loaded.update(order)
        places = [f"/{modules.place(name)}\n" for name in order]
        root.write(f"usr/lib/slipway/modules.{group}", "".join(places).encode())
    for layer in recipe.rootfs:
        root.overlay(layer)


def certificates(source: Path) -> bytes:
    """All of Mozilla's authorities in one file, in the order of their names, as update-ca-certificates(8) does.

    :raise ImageError: there are none.
    """
    files = sorted((source / "usr/share/ca-certificates/mozilla").glob("*.crt"), key=lambda path: path.name)
    if not files:
        raise ImageError("The fetched packages hold no certificate authorities", "Correct the recipe.")
    return b"".join(path.read_bytes().rstrip() + b"\n" for path in files)
