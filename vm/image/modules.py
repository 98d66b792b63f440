"""Kernel modules: choose them by pattern with all they depend on, unpack them, and order them for loading.

Debian ships modules xz-compressed; the image holds them unpacked (erofs compresses them anyway), so that neither
the guest's modprobe nor the kernel has to bring a decompressor.
"""

from __future__ import annotations

import fnmatch
import lzma
import re
from dataclasses import dataclass
from pathlib import Path

from vm.errors import ImageError


@dataclass(frozen=True)
class ModuleTree:
    """The modules of one unpacked kernel package.

    :ivar release: the kernel's name, e.g. ``6.12.48+deb13-cloud-amd64``.
    :ivar folder: ``usr/lib/modules/RELEASE`` of the unpacked package.
    :ivar files: module name (underscores) → file below ``folder``.
    :ivar builtin: names of what is part of the kernel itself.
    """

    release: str
    folder: Path
    files: dict[str, Path]
    builtin: frozenset[str]


def read_tree(tree: Path) -> ModuleTree:
    """Find the one kernel's modules below an unpacked root.

    :raise ImageError: there is no kernel, or more than one.
    """
    folders = sorted((tree / "usr/lib/modules").glob("*/kernel"))
    if len(folders) != 1:
        raise ImageError("The fetched packages hold no single kernel", detail=f"found {[str(f) for f in folders]}")
    folder = folders[0].parent
    files = {module_name(path): path for path in sorted(folder.glob("kernel/**/*.ko*"))}
    builtin = frozenset(module_name(Path(line)) for line in (folder / "modules.builtin").read_text().splitlines())
    return ModuleTree(folder.name, folder, files, builtin)


def module_name(path: Path) -> str:
    """The kernel's name of a module file: no suffixes, underscores for hyphens."""
    return path.name.split(".ko")[0].replace("-", "_")


def unpack(path: Path) -> bytes:
    """A module's content, decompressed if need be."""
    content = path.read_bytes()
    return lzma.decompress(content) if path.suffix == ".xz" else content


def needed_by(content: bytes) -> list[str]:
    """Names of the modules a module asks for (``depends`` and ``softdep: pre`` of its ``.modinfo``)."""
    names: list[str] = []
    for found in re.finditer(rb"\0(?:depends=([\w,-]*)|softdep=pre: ([\w -]+?))(?= post:|\0)", content):
        text = (found[1] or found[2] or b"").decode()
        names += [name.replace("-", "_") for name in re.split(r"[ ,]+", text) if name]
    return names


class ModuleSet:
    """The modules chosen so far, with their content, closed over what they depend on."""

    def __init__(self, tree: ModuleTree) -> None:
        self.tree = tree
        self.content: dict[str, bytes] = {}
        self._needs: dict[str, list[str]] = {}

    def add_matching(self, patterns: list[str]) -> None:
        """Add modules whose path below ``kernel/`` fits a pattern (``*`` also crosses folders)."""
        for name, path in self.tree.files.items():
            inside = path.relative_to(self.tree.folder / "kernel").as_posix().removesuffix(".xz")
            if any(fnmatch.fnmatchcase(inside, pattern) for pattern in patterns):
                self.add(name)

    def add(self, name: str) -> None:
        """Add one module and what it needs; nothing for one built into the kernel.

        :raise ImageError: the kernel has no such module.
        """
        if name in self.content or name in self.tree.builtin:
            return
        path = self.tree.files.get(name)
        if path is None:
            raise ImageError(f"The kernel {self.tree.release} has no module {name}", "Correct the recipe.")
        content = unpack(path)
        self.content[name] = content
        self._needs[name] = [need for need in needed_by(content) if need in self.tree.files]
        for need in self._needs[name]:
            self.add(need)

    def in_order(self, names: list[str]) -> list[str]:
        """The given modules and what they need, each after what it needs; built-in ones left out.

        :raise ImageError: the kernel has no such module.
        """
        order: list[str] = []

        def visit(name: str) -> None:
            self.add(name)
            if name in order or name not in self.content:
                return
            for need in self._needs[name]:
                visit(need)
            order.append(name)

        for name in names:
            visit(name)
        return order

    def place(self, name: str) -> str:
        """Where a module lies in the image, relative to the root."""
        inside = self.tree.files[name].relative_to(self.tree.folder).as_posix().removesuffix(".xz")
        return f"usr/lib/modules/{self.tree.release}/{inside}"
