"""Imports have no circles: not between modules, imports for types only and late ones included."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.architecture.sources import Source, is_below, parse, sources

SHIPPED = ("vm", "engine", "desktop", "installers")


def graph(found: Iterable[Source]) -> dict[str, set[str]]:
    """Which module imports which. A package stands for its ``__init__`` file."""
    by_name = {source.module: source for source in found}
    arrows: dict[str, set[str]] = {name: set() for name in by_name}
    for name, source in by_name.items():
        for target, _ in source.imports():
            while target and target not in by_name:  # a name out of a module
                target = target.rpartition(".")[0]
            if target and target != name:
                arrows[name].add(target)
    return arrows


def circles(arrows: Mapping[str, set[str]]) -> list[list[str]]:
    """The groups of modules of which each leads to each other (Tarjan's strongly connected components)."""
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        order[name] = lowest[name] = len(order)
        stack.append(name)
        for target in sorted(arrows[name]):
            if target not in order:
                visit(target)
                lowest[name] = min(lowest[name], lowest[target])
            elif target in stack:
                lowest[name] = min(lowest[name], order[target])
        if lowest[name] == order[name]:
            group = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(group) > 1:
                found.append(sorted(group))

    for name in sorted(arrows):
        if name not in order:
            visit(name)
    return found


def test_there_are_no_circles() -> None:
    shipped = [source for source in sources() if is_below(source.module, *SHIPPED)]
    assert not circles(graph(shipped))


def test_a_circle_is_seen(tmp_path: Path) -> None:
    """Also one that only types close, behind TYPE_CHECKING, and one that a late import closes."""
    texts = {
        "vm/one.py": "from vm import two",
        "vm/two.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from vm.three import Three",
        "vm/three.py": "def late():\n    import vm.one\nclass Three: ...",
        "vm/four.py": "from vm import one",
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    found = [parse(tmp_path / name, tmp_path) for name in texts]
    assert circles(graph(found)) == [["vm.one", "vm.three", "vm.two"]]
