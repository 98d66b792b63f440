"""Which programs are missing, and who installs them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from installers.checkout import system
from installers.checkout.console import StepError
from tests.unit.installers.notes import noting

PART = system.Part("qemu-system-x86_64", system.FOR_MACHINE[0].packages)


def test_nothing_missing_asks_nobody(programs: Callable[..., None]) -> None:
    programs("qemu-system-x86_64")
    system.ensure([PART])


@pytest.mark.parametrize(
    ("manager", "command"),
    [
        ("apt-get", "sudo apt-get install qemu-system-x86"),
        ("dnf", "sudo dnf install qemu-system-x86-core"),
        ("pacman", "sudo pacman -S --needed qemu-system-x86"),
        ("brew", "brew install qemu"),
        ("winget", "winget install SoftwareFreedomConservancy.QEMU"),
    ],
)
def test_one_command_to_type(
    manager: str, command: str, programs: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    programs(manager)
    monkeypatch.setattr(system, "is_root", lambda: False)
    with pytest.raises(StepError) as raised:
        system.ensure([PART])
    assert str(raised.value).splitlines()[-1].strip() == command


def test_everything_in_one_command(programs: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    programs("brew")
    with pytest.raises(StepError, match=r"brew install qemu$"):
        system.ensure(system.FOR_MACHINE[:2])  # two programs of one package


def test_no_manager_at_all(programs: Callable[..., None]) -> None:
    with pytest.raises(StepError, match="Missing: qemu-system-x86_64"):
        system.ensure([PART])


def test_root_on_debian_installs_what_is_missing(
    programs: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    programs("apt-get", "qemu-img")
    asked: list[str] = []
    monkeypatch.setattr(system, "is_root", lambda: True)
    monkeypatch.setattr(system, "apt_install", noting(asked, then=lambda: programs("qemu-system-x86_64")))
    system.ensure(system.FOR_MACHINE[:2])
    assert asked == ["qemu-system-x86"]


def test_still_missing_is_an_error(programs: Callable[..., None], installed: list[str]) -> None:
    programs("apt-get")
    with pytest.raises(StepError, match="Still missing after installing qemu-system-x86"):
        system.ensure([PART])
    assert installed == ["qemu-system-x86"]


def test_builders_tools_are_debians(programs: Callable[..., None]) -> None:
    programs("dnf")
    system.ensure([system.Part("mmdebstrap", {"apt": "mmdebstrap"}, only=system.BUILDERS)])


def test_every_part_can_be_installed_by_apt() -> None:
    parts = [*system.FOR_VENV, *system.FOR_MACHINE, *system.FOR_TESTS]
    elsewhere = [part.name for part in parts if "apt" not in part.packages and "apt" in (part.only or ("apt",))]
    assert elsewhere == []
    assert "docker.io" not in {package for part in parts for package in part.packages.values()}


def test_services_do_not_start_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = tmp_path / "policy-rc.d"
    monkeypatch.setattr(system, "POLICY", policy)
    with system.no_service_starts():
        assert subprocess.run([policy], check=False).returncode == 101
    assert not policy.exists()
    policy.write_text("the administrator's")
    with system.no_service_starts():
        assert policy.read_text() == "the administrator's"
    assert policy.read_text() == "the administrator's"
