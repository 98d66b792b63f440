"""The repository's own Python files, parsed once, for the rules in this folder."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("vm", "engine", "desktop", "installers", "tests")


@dataclass(frozen=True)
class Source:
    """One file.

    :ivar path: below the repository's root.
    :ivar module: its dotted name; a package's is that of its folder.
    """

    path: Path
    module: str
    text: str
    tree: ast.Module

    @property
    def lines(self) -> int:
        return len(self.text.splitlines())

    def imports(self) -> list[tuple[str, int]]:
        """Every module this file imports, anywhere in it, with the line: absolute dotted names."""
        found = []
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found += [(alias.name, node.lineno) for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                base = self._resolve(node)
                # `from a import b`: b may be a module of a's, and then that is what is imported
                found += [(f"{base}.{alias.name}" if base else alias.name, node.lineno) for alias in node.names]
        return found

    def _resolve(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        package = self.module.split(".")
        if self.path.name != "__init__.py":
            package = package[:-1]
        base = package[: len(package) - node.level + 1]
        return ".".join([*base, *([node.module] if node.module else [])])

    def functions(self) -> list[tuple[str, int, int]]:
        """Every function and method: name, first line (of the definition itself), number of lines."""
        return [
            (node.name, node.lineno, (node.end_lineno or node.lineno) - node.lineno + 1)
            for node in ast.walk(self.tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        ]


def parse(path: Path, root: Path = ROOT) -> Source:
    """Read one file below ``root``."""
    text = path.read_text(encoding="utf-8")
    relative = path.relative_to(root)
    parts = relative.with_suffix("").parts
    module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    return Source(relative, module, text, ast.parse(text, str(relative)))


@cache
def sources() -> tuple[Source, ...]:
    """Every Python file of ours."""
    paths = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    return tuple(parse(path) for path in paths)


def is_below(module: str, *packages: str) -> bool:
    """Say whether ``module`` is one of the packages or inside one."""
    return any(module == package or module.startswith(package + ".") for package in packages)
