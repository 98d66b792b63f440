"""The archive that needs nothing installed: in a Debian that has only what is essential, by an ordinary user."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from installers.common.product import version
from tests.packages.roots import UID, USER, Root
from tests.packages.test_deb import MEMORY, START_SECONDS

FOLDER = f"/home/{USER}/apps/Slipway 1"
"""Anywhere, and not in a name of our choice."""

DESKTOP = (
    *(
        "libEGL",
        "libGL",
        "libX11",
        "libX11-xcb",
        "libxcb",
        "libxcb-glx",
        "libxcb-randr",
        "libxcb-render",
        "libxcb-shape",
    ),
    *("libxcb-shm", "libxcb-sync", "libxcb-xfixes", "libfontconfig", "libfreetype", "libdbus-1", "libglib-2.0"),
    *("libgthread-2.0", "libgssapi_krb5", "libwayland-client", "libwayland-cursor", "libwayland-egl"),
)
"""Libraries that whatever shows windows has already."""

OPTIONAL = ("libqgtk3.so",)


@pytest.fixture(scope="module")
def extracted(root: Root, unpacked: Path) -> Root:
    """It lies in the user's own folder."""
    target = root.path / FOLDER.lstrip("/")
    target.parent.mkdir(parents=True)
    shutil.copytree(unpacked, target, symlinks=True)
    for path in (target.parent, *target.parent.rglob("*")):
        shutil.chown(path, UID, UID)
    return root


def test_it_runs(extracted: Root) -> None:
    done = extracted.run(f"{FOLDER}/bin/slipway", "--version", user=USER)
    assert done.stdout == f"slipway {version()}\n"
    assert "Docker version" in extracted.run(f"{FOLDER}/docker/docker", "--version", user=USER).stdout


def test_qemu_has_its_libraries_and_its_firmware(extracted: Root) -> None:
    qemu = f"{FOLDER}/qemu/qemu-system-x86_64"
    assert "version 10." in extracted.run(qemu, "--version", user=USER).stdout
    assert f"{FOLDER}/qemu/qemu-bundle/usr/share/qemu" in extracted.run(qemu, "-L", "help", user=USER).stdout
    assert "version 10." in extracted.run(f"{FOLDER}/qemu/qemu-img", "--version", user=USER).stdout


def test_the_system_needs_no_more_than_a_desktop_has(extracted: Root) -> None:
    missing = set()
    for path in sorted((extracted.path / FOLDER.lstrip("/")).rglob("*")):
        if path.is_file() and path.name not in OPTIONAL and path.read_bytes()[:4] == b"\x7fELF":
            listed = extracted.run("ldd", f"/{path.relative_to(extracted.path)}", check=False).stdout
            missing |= {line.split()[0] for line in listed.splitlines() if "not found" in line}
    assert sorted(name for name in missing if name.partition(".so")[0] not in DESKTOP) == []


@pytest.mark.machine
def test_docker_reaches_a_machine(extracted: Root) -> None:
    slipway, docker = f"{FOLDER}/bin/slipway", f"{FOLDER}/docker/docker"
    extracted.run(slipway, "settings", "set", "memory_mib", MEMORY, user=USER)
    extracted.run(slipway, "start", user=USER, seconds=START_SECONDS)
    assert "docker-init" in extracted.run(docker, "version", user=USER).stdout
    assert "QEMU 10." in extracted.run(slipway, "diagnose", user=USER, check=False).stdout
    extracted.run(slipway, "stop", user=USER)
