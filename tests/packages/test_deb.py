"""The life of the Debian package, one test after the other: installed, used by a user, upgraded, removed."""

from __future__ import annotations

import gzip
import shlex
import subprocess
from pathlib import Path

import pytest

from installers.common.product import version
from installers.linux.deb import PLACE, build_deb
from installers.linux.payload import build_payload
from installers.linux.share import COMPLETIONS
from tests.packages.conftest import EPOCH, GONE, OLD
from tests.packages.roots import USER, Root

ENTRY = "usr/share/applications/slipway.desktop"
DOCKER, BUNDLED = "usr/bin/docker", "../lib/slipway/docker/docker"

FAKE = {"SLIPWAY_FAKE": "running", "QT_QPA_PLATFORM": "offscreen"}
"""A stand-in for the supervisor, which starts no machine, and no display."""

OPTIONAL = ("libqgtk3.so",)
"""Plugins of Qt's that are passed over where the system lacks their libraries."""

COMMAND_LINES = 'for file in /proc/[0-9]*/cmdline; do echo "$file $(tr "\\0" " " <$file)"; done 2>/dev/null'

START_SECONDS = 1200.0
"""Of a machine that is emulated."""

MEMORY = "1024"
"""MB of the machine."""

OTHERS = """\
Package: docker-of-others
Version: 1
Architecture: all
Maintainer: nobody <nobody@example.invalid>
Description: has a docker command
"""


@pytest.fixture(scope="module")
def installed(root: Root, older: Path) -> Root:
    """The older version is installed."""
    root.install(older)
    return root


def running(root: Root) -> set[str]:
    """The processes of Slipway's own programs, with their command lines."""
    found = root.run("sh", "-c", COMMAND_LINES).stdout
    return {line for line in found.splitlines() if f" /{PLACE}/python" in line}


def test_two_builds_are_the_same(package: Path, tmp_path: Path) -> None:
    """From the pieces that are kept; that those are the same, too, their own hashes say."""
    build_payload(tmp_path / "slipway")
    (tmp_path / "scratch").mkdir()
    again = build_deb(tmp_path / "slipway", tmp_path / "scratch", tmp_path, EPOCH)
    assert again.read_bytes() == package.read_bytes()


def test_a_user_runs_it(installed: Root) -> None:
    assert installed.run("slipway", "--version", user=USER).stdout == f"slipway {version()}\n"
    status = installed.run("slipway", "status", user=USER, check=False)
    assert status.returncode == 3, status.stdout
    assert f"unix:///home/{USER}/.slipway/run/docker.sock" in status.stdout
    assert installed.run("dpkg", "--verify", "slipway").stdout == ""


def test_every_library_is_there(installed: Root) -> None:
    """In a root without a desktop, and without what packages recommend."""
    missing = []
    for path in sorted((installed.path / PLACE).rglob("*")):
        is_program = path.parent.name == "bin" or ".so" in path.name
        if is_program and path.is_file() and path.name not in OPTIONAL and path.read_bytes()[:4] == b"\x7fELF":
            inside = f"/{path.relative_to(installed.path)}"
            listed = installed.run("ldd", inside, check=False).stdout
            missing += [f"{inside}: {line.strip()}" for line in listed.splitlines() if "not found" in line]
    assert not missing, "\n".join(missing)


def test_nothing_of_the_users_reaches_its_python(installed: Root) -> None:
    """Neither variables, nor modules of the same names in the folder where it is called."""
    modules = installed.path / f"home/{USER}/desktop"
    modules.mkdir()
    (modules / "__init__.py").write_text("raise SystemExit('the wrong one')\n")
    given = {"PYTHONPATH": f"/home/{USER}", "PYTHONHOME": "/nowhere"}
    assert installed.run("slipway", "--version", user=USER, variables=given).stdout == f"slipway {version()}\n"
    (modules / "__init__.py").unlink()
    modules.rmdir()


def test_the_menus_entry_opens_the_window(installed: Root) -> None:
    installed.run("desktop-file-validate", f"/{ENTRY}")
    lines = (installed.path / ENTRY).read_text().splitlines()
    (command,) = (line.removeprefix("Exec=") for line in lines if line.startswith("Exec="))
    installed.run(*shlex.split(command), user=USER, variables=FAKE)  # returns when the window is shown
    assert [line for line in running(installed) if "desktop.ui" in line]
    assert "package" in installed.run("slipway", "menu", "add", user=USER, variables=FAKE).stdout


def test_the_manual_and_the_completions_are_there(installed: Root) -> None:
    share = installed.path / "usr/share"
    assert b".SH NAME" in gzip.decompress((share / "man/man1/slipway.1.gz").read_bytes())
    for shell, name in COMPLETIONS.items():
        assert "slipway" in (share / name).read_text(), shell
    installed.run("bash", "-c", f". /usr/share/{COMPLETIONS['bash']} && complete -p slipway", user=USER)


def test_the_docker_command_of_others_comes_first(installed: Root, tmp_path: Path) -> None:
    """Ours is there before another package brings one, and again after that one is removed."""
    docker = installed.path / DOCKER
    assert str(docker.readlink()) == BUNDLED
    assert "Docker version" in installed.run("docker", "--version", user=USER).stdout
    folder = tmp_path / "others"
    for name, content in (("DEBIAN/control", OTHERS), (DOCKER, "#!/bin/sh\n")):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text(content)
    package = tmp_path / "others.deb"
    argv: list[str | Path] = ["dpkg-deb", "--root-owner-group", "--build", folder, package]
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    installed.install(package)
    assert docker.read_text() == "#!/bin/sh\n"
    installed.apt("remove", "docker-of-others")
    assert str(docker.readlink()) == BUNDLED


@pytest.mark.machine
def test_docker_reaches_a_machine(installed: Root) -> None:
    installed.run("slipway", "settings", "set", "memory_mib", MEMORY, user=USER)
    installed.run("slipway", "start", user=USER, seconds=START_SECONDS)
    versions = installed.run("docker", "version", user=USER).stdout
    assert "docker-init" in versions  # a part of the engine
    for plugin in ("buildx", "compose"):
        assert "v" in installed.run("docker", plugin, "version", user=USER).stdout
    installed.run("docker", "volume", "create", "kept", user=USER)


def test_an_upgrade_ends_what_runs(installed: Root, package: Path) -> None:
    if not running(installed):
        installed.run("slipway", "settings", "get", user=USER, variables=FAKE)
    before = running(installed)
    assert before
    assert (installed.path / GONE).exists()
    installed.install(package)
    assert not before & running(installed)
    assert not (installed.path / GONE).exists()
    shown = installed.run("dpkg-query", "-W", "-f", "${Version}", "slipway").stdout
    assert shown == version() != OLD
    assert installed.run("dpkg", "--verify", "slipway").stdout == ""


@pytest.mark.machine
def test_after_the_upgrade_the_machine_comes_back_with_all_that_it_had(installed: Root) -> None:
    assert running(installed)  # started by the package
    installed.run("slipway", "start", user=USER, seconds=START_SECONDS)
    assert installed.run("docker", "volume", "ls", "--quiet", user=USER).stdout.split() == ["kept"]


def test_nothing_is_left_of_it_but_the_users_data(installed: Root) -> None:
    settings = installed.path / f"home/{USER}/.slipway/settings.json"
    installed.run("slipway", "settings", "set", "start_at_login", "true", user=USER, variables=FAKE)
    before = settings.read_text()
    installed.apt("remove", "slipway")
    assert running(installed) == set()
    assert not (installed.path / DOCKER).is_symlink()
    installed.run("dpkg", "--purge", "slipway")
    assert installed.found("*slipway*") == set()
    assert settings.read_text() == before
