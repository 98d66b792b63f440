"""Modules and functions stay small, every module says why it exists, platform checks stay in two places."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT, Source, is_below, parse, sources

MODULE_LINES = 500
FUNCTION_LINES = 60
COMPOSITION_ROOT_LINES = 200

SELECTORS = ("vm.host", "desktop.system")
"""The two packages whose ``__init__`` looks at sys.platform."""

LINTER_EXCUSES = re.compile(r"#\s*(?:noqa|type:\s*ignore)(?P<rules>[^#]*)(?P<reason>#.*)?$")


def test_there_is_something_to_look_at() -> None:
    assert {"vm.errors", "desktop.cli", "engine.client", "installers.dev"} <= {
        source.module for source in sources()
    }


def test_modules_are_small() -> None:
    large = [f"{source.path}: {source.lines} lines" for source in sources() if source.lines > MODULE_LINES]
    assert not large, "\n" + "\n".join(large)


def test_the_composition_root_only_wires() -> None:
    """What app.py would do besides belongs to a lifecycle, a part or an operation."""
    (root,) = [source for source in sources() if source.module == "desktop.supervisor.app"]
    assert root.lines < COMPOSITION_ROOT_LINES


def test_functions_are_small() -> None:
    large = [
        f"{source.path}:{line}: {name} has {count} lines"
        for source in sources()
        for name, line, count in source.functions()
        if count > FUNCTION_LINES
    ]
    assert not large, "\n" + "\n".join(large)


def test_every_module_says_why_it_exists() -> None:
    silent = [str(source.path) for source in sources() if not (ast.get_docstring(source.tree) or "").strip()]
    assert not silent, "\n" + "\n".join(silent)


def platform_checks(source: Source) -> list[int]:
    """Lines that look at which system this is, except an ``assert`` at the top level, which narrows types."""
    asserted = {id(inner) for node in source.tree.body if isinstance(node, ast.Assert) for inner in ast.walk(node)}
    found = []
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and id(node) not in asserted:
            if (node.value.id, node.attr) in {("sys", "platform"), ("os", "name"), ("platform", "system")}:
                found.append(node.lineno)
        elif isinstance(node, ast.ImportFrom) and node.module in {"sys", "os", "platform"}:
            found += [node.lineno for alias in node.names if alias.name in {"platform", "name", "system"}]
    return found


def test_platform_checks_stay_in_the_selectors() -> None:
    breaches = [
        f"{source.path}:{line}"
        for source in sources()
        if source.module not in SELECTORS and not is_below(source.module, "tests")
        for line in platform_checks(source)
        if source.module != "vm.host.common"  # platform.system() as part of a kernel's identity
    ]
    assert not breaches, "\n" + "\n".join(breaches)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("import sys\nif sys.platform == 'linux': pass", [2]),
        ("import sys\ndef f():\n    assert sys.platform == 'linux'", [3]),
        ("from sys import platform", [1]),
        ("import os\nx = os.name == 'nt'", [2]),
        ("import sys\nassert sys.platform == 'win32'", []),
    ],
)
def test_a_platform_check_is_seen(text: str, lines: list[int], tmp_path: Path) -> None:
    file = tmp_path / "some.py"
    file.write_text(text)
    assert platform_checks(parse(file, tmp_path)) == lines


def test_linters_are_not_silenced_without_a_reason() -> None:
    bare = [
        f"{source.path}:{number}: {line.strip()}"
        for source in sources()
        if source.path != Path("tests/architecture/test_shape.py")
        for number, line in enumerate(source.text.splitlines(), 1)
        if (match := LINTER_EXCUSES.search(line)) and not (match["reason"] or " - " in match["rules"])
    ]
    assert not bare, "\n" + "\n".join(bare)


def test_nothing_is_left_for_later() -> None:
    # spelled so that this file does not find itself
    marks = re.compile("|".join(("TO" + "DO", "FIX" + "ME", "raise NotImplemented" + "Error")))
    unfinished = [
        f"{source.path}:{number}: {line.strip()}"
        for source in sources()
        for number, line in enumerate(source.text.splitlines(), 1)
        if marks.search(line)
    ]
    assert not unfinished, "\n" + "\n".join(unfinished)


def test_futures_fail_by_the_function_for_it() -> None:
    """Else a failure that nobody waits for any more is logged as an error (vm/tasks.py)."""
    shipped = [source for source in sources() if source.path.parts[0] in ("desktop", "engine", "vm")]
    others = [
        f"{source.path}:{number}"
        for source in shipped
        if str(source.path) != "vm/tasks.py" and "fake" not in source.path.parts
        for number, line in enumerate(source.text.splitlines(), 1)
        if ".set_exception(" in line
    ]
    assert not others, "\n" + "\n".join(others)


FOLDERS = {".ci", "assets", "desktop", "engine", "installers", "tests", "vm"}
FILES = {
    *("ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md", "SECURITY.md"),
    *(".editorconfig", ".gitignore", ".pre-commit-config.yaml", "pyproject.toml"),
}


def test_the_top_level_is_the_designs() -> None:
    ignored = [line.strip("/") for line in (ROOT / ".gitignore").read_text().splitlines()]
    found = {path.name for path in ROOT.iterdir() if not any(path.match(pattern) for pattern in ignored)}
    assert found - {".git"} == FOLDERS | FILES
