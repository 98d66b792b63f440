"""No console flashes up on Windows: each program that we run there is started without a window."""

from __future__ import annotations

import ast

from tests.architecture.sources import Source, is_below, sources

STARTERS = {("subprocess", "run"), ("subprocess", "Popen"), ("asyncio", "create_subprocess_exec")}

LINUX_ONLY = ("vm.image", "vm.host.packages", "vm.virtiofs")
"""What builds the machine's image, and what there is on Linux alone."""


def calls_without_flags(source: Source) -> list[int]:
    """Lines that start a program without ``creationflags``."""
    return [
        node.lineno
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and (node.func.value.id, node.func.attr) in STARTERS
        and not any(word.arg in ("creationflags", None) for word in node.keywords)
    ]


def test_programs_are_started_without_a_window() -> None:
    looked_at = [
        source
        for source in sources()
        if is_below(source.module, "vm", "engine", "desktop") and not is_below(source.module, *LINUX_ONLY)
    ]
    found = [f"{source.path}:{line}" for source in looked_at for line in calls_without_flags(source)]
    assert not found, "creationflags=NO_WINDOW (vm/host/programs.py) is missing:\n" + "\n".join(found)


def test_the_rule_finds_something() -> None:
    (tests_own,) = [source for source in sources() if source.module == "tests.unit.vm.host.test_programs"]
    assert calls_without_flags(tests_own)
