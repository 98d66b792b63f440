"""Proving accelerators with a fake QEMU: hangs, crashes, proof, the cache, and what the user reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from vm.host.base import Obstacle
from vm.host.linux import LinuxHost
from vm.qemu.accelerator import PROOF, choose, forget
from vm.qemu.process import QemuBinary
from vm.spec import Accelerator, Arch, BootFiles

CONSOLE = """
for argument; do
    case $argument in file,id=console*) console=${argument#*path=}; console=${console%,append=off} ;; esac
done
echo run >> "$(dirname "$0")/runs"
"""
WORKS = f"{CONSOLE}\necho 'Kernel panic - not syncing: VFS: {PROOF} on unknown-block' > $console\nexit 0"
HANGS = f"{CONSOLE}\nexec sleep 60"
HANGS_LATER = f"{CONSOLE}\necho 'Linux version 6.12' > $console\nexec sleep 60"
CRASHES = f"{CONSOLE}\necho 'KVM internal error. Suberror: 1' >&2; exec sleep 60"
SPEAKS_AS_QEMU = (
    f"{CONSOLE}\necho '2026-11-30T07:30:18.115595Z C:\\Program Files\\qemu-system-x86_64.exe: -accel whpx: "
    "Could not load library WinHvPlatform.dll.' >&2; exit 1"
)
REFUSES = f"{CONSOLE}\necho 'qemu: invalid accelerator kvm' >&2; exit 1"
ASSERTS = f"{CONSOLE}\necho \"qemu: kvm.c:3183: Assertion 'ret == n' failed.\" >&2; exit 134"


class Setting:
    """A QEMU of a given behaviour, an image, a host and a cache."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kernel = folder / "kernel"
        self.kernel.write_bytes(b"a kernel")
        self.kvm = folder / "kvm"
        self.kvm.write_bytes(b"")
        self.host = LinuxHost(kvm=self.kvm)
        self.arch = self.host.arch
        self.boot = BootFiles(self.arch, self.kernel, self.kernel, self.kernel, "f00d")
        self.cache = folder / "cache" / "accelerators.json"
        self.binary = QemuBinary(folder / "qemu", (9, 0, 0))

    def qemu(self, text: str) -> QemuBinary:
        self.binary.path.write_text(f"#!/bin/sh\n{text}\n")
        self.binary.path.chmod(0o755)
        return self.binary

    @property
    def runs(self) -> int:
        log = self.folder / "runs"
        return len(log.read_text().splitlines()) if log.exists() else 0


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    return Setting(tmp_path)


async def test_proof_is_found_and_kept(setting: Setting) -> None:
    qemu = setting.qemu(WORKS)
    for _ in range(2):
        verdict = await choose(qemu, setting.boot, setting.host, setting.cache)
        assert (verdict.accelerator, verdict.proven, verdict.emulated) == (Accelerator.KVM, True, False)
        assert verdict.why.startswith("KVM works: a trial boot took ")
        assert verdict.fix == ""
    assert setting.runs == 1


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        (HANGS, "a trial boot hung before the kernel's first message (waited 0.5 s)"),
        (HANGS_LATER, "a trial boot hung after its first messages (waited 0.5 s)"),
        (CRASHES, "a trial boot failed with “KVM internal error. Suberror: 1”"),
        (SPEAKS_AS_QEMU, "a trial boot failed with “-accel whpx: Could not load library WinHvPlatform.dll.”"),
        (REFUSES, "QEMU ended at once: qemu: invalid accelerator kvm"),
        (ASSERTS, "QEMU stopped with an internal error"),
    ],
)
async def test_failure_means_emulation_with_reason_and_advice(setting: Setting, behaviour: str, why: str) -> None:
    qemu = setting.qemu(behaviour)
    for _ in range(2):
        verdict = await choose(qemu, setting.boot, setting.host, setting.cache, deadline=0.5)
        assert (verdict.accelerator, verdict.proven, verdict.emulated) == (Accelerator.TCG, False, True)
        assert [trial.why for trial in verdict.tried] == [why]
        assert why in verdict.why
        assert "nested virtualisation" in verdict.fix
    assert setting.runs == 1


async def test_what_changes_the_verdict_is_part_of_its_key(setting: Setting) -> None:
    qemu = setting.qemu(WORKS)
    await choose(qemu, setting.boot, setting.host, setting.cache)
    setting.kernel.write_bytes(b"another kernel")
    await choose(qemu, setting.boot, setting.host, setting.cache)
    assert setting.runs == 2
    await choose(QemuBinary(qemu.path, (9, 0, 1)), setting.boot, setting.host, setting.cache)
    assert setting.runs == 3
    forget(setting.cache)
    await choose(qemu, setting.boot, setting.host, setting.cache)
    assert setting.runs == 4
    setting.cache.write_text("{ nonsense")
    assert (await choose(qemu, setting.boot, setting.host, setting.cache)).proven
    setting.cache.write_text("[1, 2]")
    assert (await choose(qemu, setting.boot, setting.host, setting.cache)).proven
    assert setting.runs == 6


async def test_an_absent_device_is_not_tried_nor_remembered(setting: Setting) -> None:
    qemu = setting.qemu(WORKS)
    setting.kvm.unlink()
    verdict = await choose(qemu, setting.boot, setting.host, setting.cache)
    assert verdict.emulated
    assert "does not exist" in verdict.why
    assert "modprobe kvm" in verdict.fix
    assert setting.runs == 0
    setting.kvm.write_bytes(b"")
    assert (await choose(qemu, setting.boot, setting.host, setting.cache)).accelerator is Accelerator.KVM


async def test_missing_permission_names_the_command(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    obstacle = Obstacle("you may not open /dev/kvm", "sudo usermod -aG kvm $USER, then log out and in again")
    monkeypatch.setattr(setting.host, "obstacle", lambda accelerator: obstacle)
    verdict = await choose(setting.qemu(WORKS), setting.boot, setting.host, setting.cache)
    assert "may not open" in verdict.why
    assert "usermod -aG kvm" in verdict.fix


async def test_a_foreign_guest_is_emulated_without_a_trial(setting: Setting) -> None:
    foreign = Arch.ARM64 if setting.arch is Arch.AMD64 else Arch.AMD64
    boot = BootFiles(foreign, setting.kernel, setting.kernel, setting.kernel, "f00d")
    verdict = await choose(setting.qemu(WORKS), boot, setting.host, setting.cache)
    assert (verdict.accelerator, verdict.tried) == (Accelerator.TCG, ())
    assert "cannot run this kind" in verdict.why
    assert setting.runs == 0
