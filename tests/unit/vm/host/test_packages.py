"""A package is named only if the package manager knows it; each manager's output is as the real one prints it."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from vm.host import packages
from vm.host.linux import LinuxHost

QEMU = ("qemu-system-x86_64", "qemu-img")

APT = """\
qemu-system-x86:
  Installed: (none)
  Candidate: 1:7.2+dfsg-7+deb12u18
  Version table:
     1:7.2+dfsg-7+deb12u18 500
        500 file:/debian bookworm/main amd64 Packages
qemu-utils:
  Installed: 1:7.2+dfsg-7+deb12u18
  Candidate: 1:7.2+dfsg-7+deb12u18
  Version table:
docker-cli:
  Installed: (none)
  Candidate: (none)
  Version table:
docker-ce-cli:
  Installed: (none)
  Candidate: 5:28.5.2
  Version table:
"""
PACMAN = "Repository      : extra\nName            : {}\nVersion         : 10.1.0-1\nDescription     : it\n\n"
ZYPPER = """\
Loading repository data...
Reading installed packages...

S  | Name       | Summary               | Type
---+------------+-----------------------+--------
   | qemu-x86   | Universal CPU emulator | package
i+ | qemu-tools | Tools for QEMU        | package
   | docker     | The Moby engine       | package
"""

PRINTED = {
    "apt": (APT, "sudo apt install qemu-system-x86 qemu-utils", "sudo apt install docker-ce-cli"),
    "dnf": (
        "\nqemu-system-x86-core\nqemu-img\ndocker-cli\n",
        "sudo dnf install qemu-system-x86-core qemu-img",
        "sudo dnf install docker-cli",
    ),
    "pacman": (
        "".join(PACMAN.format(name) for name in ("qemu-system-x86", "qemu-img", "docker")),
        "sudo pacman -S qemu-system-x86 qemu-img",
        "sudo pacman -S docker",
    ),
    "zypper": (ZYPPER, "sudo zypper install qemu-x86 qemu-tools", "sudo zypper install docker"),
    "apk": (
        "qemu-system-x86_64-10.1.0-r0\nqemu-img-10.1.0-r0\ndocker-cli-28.5.2-r1\n",
        "sudo apk add qemu-system-x86_64 qemu-img",
        "sudo apk add docker-cli",
    ),
}
"""Manager → what it prints when asked, and the commands that follow for QEMU and for docker."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on the PATH, besides what scripts need."""
    made = tmp_path / "bin"
    made.mkdir()
    (made / "cat").symlink_to(shutil.which("cat") or "/bin/cat")
    (made / "sleep").symlink_to(shutil.which("sleep") or "/bin/sleep")
    monkeypatch.setenv("PATH", str(made))
    return made


def install(folder: Path, manager: str, script: str) -> None:
    """Put a package manager there, whose query runs a shell script."""
    (query,) = (one.query[0] for one in packages.MANAGERS if one.name == manager)
    for name in {manager, query}:
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)


def installs(*programs: str) -> str | None:
    """The command that installs them, as the host says."""
    found = LinuxHost().installer(programs)
    return found.command if found is not None else None


@pytest.mark.parametrize("manager", [one.name for one in packages.MANAGERS])
def test_what_the_manager_knows_is_named(folder: Path, manager: str) -> None:
    printed, qemu, docker = PRINTED[manager]
    install(folder, manager, f"cat <<'EOF'\n{printed}EOF\nexit 1  # one of the names was not known")
    assert installs(*QEMU) == qemu
    assert installs("docker") == docker
    assert installs("virtiofsd") is None
    assert installs("qemu-img", "virtiofsd") is None


def test_the_next_manager_may_know_it(folder: Path) -> None:
    install(folder, "apt", "exit 0")
    install(folder, "pacman", f"cat <<'EOF'\n{PACMAN.format('virtiofsd')}EOF")
    assert installs("virtiofsd") == "sudo pacman -S virtiofsd"


def test_one_that_hangs_is_not_waited_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "QUERY_SECONDS", 0.2)
    install(folder, "apt", "sleep 5; true")
    began = time.monotonic()
    assert installs("virtiofsd") is None
    assert time.monotonic() - began < 4  # what it has started goes on


def test_the_real_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one of this system; its index has to be there. On a busy computer it takes its time."""
    monkeypatch.setattr(packages, "QUERY_SECONDS", 60)
    here = [one for one in packages.MANAGERS if shutil.which(one.name)]
    assert [packages.known_packages(one, ["bash", "no-such-package"]) for one in here[:1]] == [{"bash"}][
        : len(here)
    ]
