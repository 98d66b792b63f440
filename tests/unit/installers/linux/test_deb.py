"""The Debian package's fields and layout; made of a payload that is almost empty."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from installers.common.product import version
from installers.linux.deb import DEBIAN, DEPENDS, PLACE, SCRIPTS, build_deb
from installers.linux.payload import FILES, LAUNCHER, make_executable
from installers.linux.python import PROGRAM

EPOCH = 1_700_000_000


def make_package(folder: Path) -> Path:
    """A package in ``folder``, with only the launcher and the licences in it."""
    payload, scratch = folder / "slipway", folder / "scratch"
    for name in (LAUNCHER, "licenses/LICENSES.md"):
        (payload / name).parent.mkdir(parents=True)
    shutil.copyfile(FILES / "slipway", payload / LAUNCHER)
    make_executable(payload / LAUNCHER)
    (payload / "licenses/LICENSES.md").write_text("# Licences\n")
    scratch.mkdir()
    return build_deb(payload, scratch, folder, EPOCH)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_package(tmp_path_factory.mktemp("deb"))


def ask(package: Path, *words: str) -> str:
    """What dpkg-deb says of it."""
    program = shutil.which("dpkg-deb")
    assert program, "dpkg-deb is missing: apt-get install dpkg"
    return subprocess.check_output([program, *words, package], text=True)


def test_its_fields(package: Path) -> None:
    assert package.name == f"slipway_{version()}_amd64.deb"
    assert ask(package, "--field").startswith(f"Package: slipway\nVersion: {version()}\n")
    listed = ask(package, "--show", "--showformat=${Depends}").split(", ")
    assert listed == list(DEPENDS)
    assert len(set(listed)) == len(listed)


def test_its_files(package: Path) -> None:
    lines = ask(package, "--contents").splitlines()
    files = {line.split()[5]: line.split()[0] for line in lines}
    assert files[f"./{PLACE}/{LAUNCHER}"] == "-rwxr-xr-x"
    assert files["./usr/share/applications/slipway.desktop"] == "-rw-r--r--"
    assert any(line.endswith("./usr/bin/slipway -> ../lib/slipway/bin/slipway") for line in lines)
    assert {line.split()[1] for line in lines} == {"root/root"}
    assert not [name for name in files if not name.startswith(("./usr/", "./")) or name.startswith("./etc")]


def test_two_builds_are_the_same(package: Path, tmp_path: Path) -> None:
    assert make_package(tmp_path).read_bytes() == package.read_bytes()


def test_the_scripts_name_the_programs_place() -> None:
    """Where they and the package must agree."""
    for name in SCRIPTS:
        assert f"../{PLACE.removeprefix('usr/')}/docker/docker" in (DEBIAN / name).read_text()
    assert f"/{PLACE}/{LAUNCHER} --run-module desktop.installation end /{PLACE}" in (DEBIAN / "prerm").read_text()


@pytest.mark.parametrize("module", ["os", "desktopx.y", "installers.linux", ""])
def test_the_launcher_runs_modules_of_slipways_only(module: str) -> None:
    done = subprocess.run(
        ["/bin/sh", FILES / "slipway", "--run-module", module], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (1, f"This module is not a part of Slipway: {module}\n")


@pytest.fixture
def launcher(tmp_path: Path) -> Path:
    """The launcher, with a stand-in for its Python that prints what it was given."""
    for name in (LAUNCHER, PROGRAM):
        path = tmp_path / (name if name == LAUNCHER else f"python/{name}")
        path.parent.mkdir(parents=True)
        path.write_text('#!/bin/sh\necho "$@ $SSL_CERT_FILE"\n')
        path.chmod(0o755)
    shutil.copyfile(FILES / "slipway", tmp_path / LAUNCHER)
    return tmp_path / LAUNCHER


def test_the_launcher_works_by_a_link(launcher: Path, tmp_path: Path) -> None:
    """It passes on what it was given, and says whom to trust unless that is said already."""
    link = tmp_path / "link"
    link.symlink_to(launcher)
    given = {"PATH": "/usr/bin:/bin", "SSL_CERT_FILE": "/mine.pem"}
    run: list[str | Path] = [link, "status", "--json"]
    assert subprocess.check_output(run, env=given, text=True) == "-I -m desktop.cli status --json /mine.pem\n"
    run = [link, "--run-module", "vm.x", "a b"]
    del given["SSL_CERT_FILE"]
    words = subprocess.check_output(run, env=given, text=True).split()
    assert words[:-1] == ["-I", "-m", "vm.x", "a", "b"]
    assert words[-1].startswith("/etc/")
