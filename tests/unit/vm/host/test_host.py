"""The three hosts' answers, all tested on one: they are data and small decisions, not system calls."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from vm.host import host
from vm.host.base import Host
from vm.host.linux import LinuxHost
from vm.host.macos import MacHost
from vm.host.windows import WindowsHost
from vm.host.windows_hypervisor import Virtualisation, hypervisor_present
from vm.spec import Accelerator, Arch

BOTH = ("qemu-system-x86_64", "qemu-img")


def test_this_host_is_of_this_system() -> None:
    wanted = {"linux": "LinuxHost", "darwin": "MacHost", "win32": "WindowsHost"}[sys.platform]
    assert type(host()).__name__ == wanted
    assert host().cpu_count >= 1
    assert host().memory_mib > 100


def test_no_known_package_manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert LinuxHost().installer(BOTH) is None


def test_the_other_systems_install_commands() -> None:
    mac, windows = MacHost().installer(BOTH), WindowsHost().installer(BOTH)
    assert mac is not None
    assert windows is not None
    assert mac.command == "brew install qemu"
    assert windows.command == "winget install --exact --id SoftwareFreedomConservancy.QEMU"
    mac, windows = MacHost().installer(["docker"]), WindowsHost().installer(["docker"])
    assert mac is not None
    assert windows is not None
    assert mac.command == "brew install docker"
    assert windows.command == "winget install --exact --id Docker.DockerCLI"


@pytest.mark.parametrize(
    ("machine", "accelerators"),
    [
        (LinuxHost(), (Accelerator.KVM,)),
        (MacHost(), (Accelerator.HVF,)),
        (WindowsHost(), (Accelerator.WHPX,)),
    ],
)
def test_hardware_runs_only_its_own_kind(machine: Host, accelerators: tuple[Accelerator, ...]) -> None:
    foreign = Arch.ARM64 if machine.arch is Arch.AMD64 else Arch.AMD64
    assert machine.accelerators(machine.arch) == accelerators
    assert machine.accelerators(foreign) == ()


def test_kvm_without_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path, flags: int) -> int:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "open", refused)
    obstacle = LinuxHost().obstacle(Accelerator.KVM)
    assert obstacle is not None
    assert "usermod -aG kvm" in obstacle.fix


@pytest.mark.parametrize(
    ("machine", "output", "advice"),
    [
        (LinuxHost(), "ioctl(KVM_CREATE_VM) failed: 16 Device or resource busy", "VirtualBox"),
        (LinuxHost(), "TR =0020 TSS64-busy", "nested virtualisation"),
        (MacHost(), "Error: ret = HV_DENIED (0xfae94007)", "com.apple.security.hypervisor"),
        (MacHost(), "Error: ret = HV_UNSUPPORTED (0xfae9400f)", "no hypervisor support"),
        (WindowsHost(), "WHPX: No accelerator found, hr=00000000", "FeatureName:HypervisorPlatform"),
        (WindowsHost(), "Could not load library WinHvPlatform.dll.", "FeatureName:HypervisorPlatform"),
        (WindowsHost(), "failed to initialize whpx: Invalid argument", "FeatureName:HypervisorPlatform"),
        (WindowsHost(), "", "winget upgrade"),
    ],
)
def test_advice_follows_what_qemu_printed(machine: Host, output: str, advice: str) -> None:
    assert advice in machine.advice(machine.accelerators(machine.arch)[0], output)


DISM = "DISM /Online /Enable-Feature /All /FeatureName:HypervisorPlatform, then restart Windows"


@pytest.mark.parametrize(
    ("found", "why", "fix"),
    [
        (Virtualisation(False, None, True), "feature “Windows Hypervisor Platform” is off", DISM),
        (Virtualisation(False, None, False), "may be switched off in the firmware", DISM),
        (Virtualisation(True, False, False), "switched off in the computer's firmware", "Intel VT-x"),
        (Virtualisation(True, False, True), "hypervisor does not run", "hypervisorlaunchtype auto"),
    ],
)
def test_what_forbids_whpx(found: Virtualisation, why: str, fix: str) -> None:
    obstacle = WindowsHost(lambda system: found).obstacle(Accelerator.WHPX)
    assert obstacle is not None
    assert why in obstacle.why
    assert fix in obstacle.fix


@pytest.mark.parametrize(
    "found",
    [Virtualisation(True, True, False), Virtualisation(True, True, True), Virtualisation(True, None, False)],
)
def test_whpx_that_has_to_be_tried(found: Virtualisation) -> None:
    assert WindowsHost(lambda system: found).obstacle(Accelerator.WHPX) is None


class Platform:
    """Stands in for WinHvPlatform.dll."""

    def __init__(self, result: int, answer: int) -> None:
        self._result, self._answer = result, answer

    def WHvGetCapability(self, code: int, answer: Any, size: int, written: Any) -> int:
        assert (code, size) == (0, 4)
        answer._obj.value = self._answer  # noqa: SLF001 - what byref() leads to
        return self._result


def test_asking_for_the_hypervisor() -> None:
    assert hypervisor_present(lambda: Platform(0, 1)) is True
    assert hypervisor_present(lambda: Platform(0, 0)) is False
    assert hypervisor_present(lambda: Platform(-2147024809, 1)) is None  # E_INVALIDARG
    assert hypervisor_present(lambda: object()) is None

    def missing() -> Any:
        raise OSError("not a library")

    assert hypervisor_present(missing) is None


def test_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SLIPWAY_HOME", "SLIPWAY_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert LinuxHost().paths().home == tmp_path / ".slipway"
    assert LinuxHost().paths().cache == tmp_path / ".cache/slipway"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert LinuxHost().paths().cache == tmp_path / ".cache/slipway"
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    assert LinuxHost().paths().cache == Path("/elsewhere/slipway")
    assert MacHost().paths().cache == tmp_path / "Library/Caches/slipway"
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "Local"))
    assert WindowsHost().paths().home == tmp_path / "Local/Slipway"
    monkeypatch.setenv("SLIPWAY_HOME", "~/mine")
    monkeypatch.setenv("SLIPWAY_CACHE", "/cache")
    for machine in (LinuxHost(), MacHost(), WindowsHost()):
        assert (machine.paths().home, machine.paths().cache) == (tmp_path / "mine", Path("/cache"))


def test_free_space_of_a_folder_to_be_made(tmp_path: Path) -> None:
    assert host().free_bytes(tmp_path / "not" / "yet") == pytest.approx(
        psutil.disk_usage(str(tmp_path)).free, rel=0.1
    )


def test_birth_identifies_a_process(tmp_path: Path) -> None:
    mine = host().birth(os.getpid())
    assert mine is not None
    assert mine == host().birth(os.getpid())
    assert mine != host().birth(1)
    assert host().birth(2**22 + 1) is None


def test_birth_reads_a_name_with_brackets_and_ignores_the_dead(tmp_path: Path) -> None:
    (tmp_path / "sys/kernel/random").mkdir(parents=True)
    (tmp_path / "sys/kernel/random/boot_id").write_text("b00t\n")
    (tmp_path / "7").mkdir()
    fields = " ".join(str(number) for number in range(4, 53))
    (tmp_path / "7/stat").write_text(f"7 (a) b (c) S {fields}\n")
    machine = LinuxHost(proc=tmp_path)
    assert machine.birth(7) == "b00t:22"
    (tmp_path / "7/stat").write_text(f"7 (a) b (c) Z {fields}\n")
    assert machine.birth(7) is None


def test_pipes_of_two_installations_differ(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    monkeypatch.delenv("SLIPWAY_HOME", raising=False)
    usual = WindowsHost().paths()
    assert str(usual.docker_socket) == r"\\.\pipe\docker_slipway"
    assert usual.docker_host == "npipe:////./pipe/docker_slipway"
    monkeypatch.setenv("SLIPWAY_HOME", str(tmp_path / "other"))
    other = WindowsHost().paths()
    assert str(other.docker_socket).startswith(r"\\.\pipe\docker_slipway_")
    assert other.control_socket != usual.control_socket
    assert other.docker_link is None


@pytest.mark.parametrize(
    ("given", "wanted"), [((256, 20_000), 20_000), ((1024, 1 << 20), 1 << 16), ((70_000, 80_000), 70_000)]
)
def test_as_many_files_as_allowed(given: tuple[int, int], wanted: int) -> None:
    """Tried in a process of its own: a hard limit that was lowered does not go up again."""
    text = (
        "import resource; from vm.host import allow_many_files;"
        f"given = {given}; hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1];"
        "given = given if hard == -1 or given[1] <= hard else (min(given[0], hard), hard);"
        "resource.setrlimit(resource.RLIMIT_NOFILE, given);"
        "print(allow_many_files(), resource.getrlimit(resource.RLIMIT_NOFILE)[0], given[1])"
    )
    told = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True).stdout.split()
    assert told[0] == told[1] == str(min(wanted, int(told[2])))
