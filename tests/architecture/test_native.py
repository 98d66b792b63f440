"""The guest's own programs in C: small files, headers without code, every file in the recipe."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT
from vm.image.recipe import load_recipe

NATIVE = ROOT / "vm" / "image" / "native"
LINES = 500
WIDTH = 120
FUNCTION = re.compile(r"^[a-z][^;=#\n]*\)\s*\{", re.MULTILINE)
INCLUDE = re.compile(r'^#include "([^"]+)"', re.MULTILINE)


def sources() -> list[Path]:
    found = sorted(NATIVE.iterdir())
    assert len(found) > 20
    return found


def functions(text: str) -> list[str]:
    """The functions that a C file defines."""
    return FUNCTION.findall(text)


def test_files_are_small() -> None:
    lines = {path.name: path.read_text().splitlines() for path in sources()}
    assert [name for name, found in lines.items() if len(found) > LINES] == []
    assert [name for name, found in lines.items() if max(map(len, found)) > WIDTH] == []


def test_headers_have_no_code() -> None:
    """A header with code is compiled into each program that includes it, and no test can link it."""
    assert [path.name for path in sources() if path.suffix == ".h" and functions(path.read_text())] == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("static inline int one(void) {\n    return 1;\n}\n", 1),
        ("int one(void);\n\nstruct pair {\n    int first, second;\n};\n", 0),
        ("#define BOTH(a) \\\n    do {             \\\n    } while (0)\n", 0),
    ],
)
def test_code_is_seen(text: str, found: int) -> None:
    assert len(functions(text)) == found


def test_every_source_is_in_the_recipe() -> None:
    """And every header is included by one of them."""
    compiled = {source for program in load_recipe().native_programs() for source in program.sources}
    assert {path for path in sources() if path.suffix == ".c"} == compiled
    included = {name for path in sources() for name in INCLUDE.findall(path.read_text())}
    assert {path.name for path in sources() if path.suffix == ".h"} == included
