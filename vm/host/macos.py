"""macOS: HVF and its entitlement, Homebrew and MacPorts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from vm.host.base import Installer, Obstacle
from vm.host.common import FOLDER, CommonHost
from vm.spec import Accelerator, Arch, System

_NO_LINKS = 0x20000000
"""O_NOFOLLOW_ANY: no part of the path may be a link; sys/fcntl.h since macOS 11."""


class MacHost(CommonHost):
    """A Mac, Intel or Apple Silicon."""

    @property
    def system(self) -> System:
        return System.MACOS

    def accelerators(self, guest: Arch) -> tuple[Accelerator, ...]:
        return (Accelerator.HVF,) if guest is self.arch else ()

    def obstacle(self, accelerator: Accelerator) -> Obstacle | None:
        return None  # only a trial tells: the entitlement and the processor both show there

    def advice(self, accelerator: Accelerator, output: str) -> str:
        if "HV_DENIED" in output or "0xfae94007" in output:
            return (
                "This QEMU lacks the entitlement com.apple.security.hypervisor. Homebrew's QEMU has it: "
                "brew reinstall qemu"
            )
        if "HV_UNSUPPORTED" in output or "0xfae9400f" in output:
            return "This Mac has no hypervisor support; in a virtual machine, nested virtualisation must be on."
        return "Update QEMU (brew upgrade qemu), and quit other virtual machines."

    def default_cache(self) -> Path:
        return Path.home() / "Library" / "Caches" / "slipway"

    def open_folder(self, path: bytes) -> int:
        return os.open(path, FOLDER | _NO_LINKS)

    def qemu_folders(self) -> tuple[Path, ...]:
        return (Path("/opt/homebrew/bin"), Path("/usr/local/bin"), Path("/opt/local/bin"))

    def installer(self, programs: Sequence[str]) -> Installer | None:
        return Installer("Homebrew", "brew install qemu")
