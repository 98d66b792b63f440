"""What sources.toml says about where things come from: hashes, no addresses, versions that agree."""

from __future__ import annotations

import re

import pytest

from installers.windows.sources import FILE, PROGRAMS, go_source, python_source


def test_no_address() -> None:
    assert "://" not in FILE.read_text()


def test_the_compiler_is_of_the_same_python() -> None:
    assert python_source("compiler").artifact == python_source().artifact
    assert python_source().folder == "org/bytedeco/cpython/windows-x86_64"


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_program_has_a_hash_and_tells_its_version(name: str) -> None:
    source = go_source(name)
    assert re.fullmatch(r"h1:[A-Za-z0-9+/]{43}=", source.sum)
    assert source.program.endswith(".exe")
    number = source.version.removesuffix("+incompatible").lstrip("v")
    assert any(variable.endswith(number) for variable in source.variables), source.flags
