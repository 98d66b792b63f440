"""What sources.toml says about where things come from: hashes, no addresses, versions that agree."""

from __future__ import annotations

import re

import pytest

from installers.common.layout import LINUX, WINDOWS
from installers.common.sources import CLIENTS, FILE, FOR_WINDOWS, PROGRAMS, go_source, python_source


def test_no_address() -> None:
    assert "://" not in FILE.read_text()


def test_linux_has_the_same_python() -> None:
    assert python_source("linux").artifact == python_source().artifact
    assert python_source().folder == "org/bytedeco/cpython/windows-x86_64"


@pytest.mark.parametrize("name", CLIENTS)
def test_on_linux_programs_have_no_suffix(name: str) -> None:
    """And none of the sources added is for Windows only."""
    windows, linux = go_source(name, WINDOWS), go_source(name, LINUX)
    assert windows.program == f"{linux.program}.exe"
    assert windows.added.keys() == linux.added.keys()
    assert not [place for place in linux.added.values() if place.endswith(FOR_WINDOWS)]
    assert all(place.endswith(FOR_WINDOWS) for place in windows.added.values())


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_program_has_a_hash_and_tells_its_version(name: str) -> None:
    source = go_source(name, WINDOWS)
    assert re.fullmatch(r"h1:[A-Za-z0-9+/]{43}=", source.sum)
    assert source.program.endswith(".exe")
    number = source.version.removesuffix("+incompatible").lstrip("v")
    assert any(variable.endswith(number) for variable in source.variables), source.flags
