"""macOS: HVF and its entitlement, Homebrew and MacPorts."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from vm.host.base import Installer, Obstacle
from vm.host.common import FOLDER, CommonHost
from vm.host.optional_files import OptionalFiles
from vm.host.proxies import Proxies, from_scutil, run
from vm.spec import Accelerator, Arch

_NO_LINKS = 0x20000000
"""O_NOFOLLOW_ANY: no part of the path may be a link; sys/fcntl.h since macOS 11."""


class MacHost(CommonHost):
    """A Mac, Intel or Apple Silicon."""

    def accelerators(self, guest: Arch) -> tuple[Accelerator, ...]:
        return (Accelerator.HVF,) if guest is self.arch else ()

    def obstacle(self, accelerator: Accelerator) -> Obstacle | None:
        return None  # only a trial shows it: the entitlement and the processor both show there

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

    def name_servers(self, name: str) -> tuple[str, ...]:
        return resolvers(run(["scutil", "--dns"]), name) or super().name_servers(name)

    def proxies(self, environment: Mapping[str, str]) -> Proxies:
        return super().proxies(environment) or from_scutil(run)

    def certificates(self, files: OptionalFiles) -> list[bytes]:
        from vm.host.certificates import read_pem  # its library is large; the window has no use for it

        keychains = ("/Library/Keychains/System.keychain", Path.home() / "Library/Keychains/login.keychain-db")
        texts = [run(["security", "find-certificate", "-a", "-p", str(keychain)]) for keychain in keychains]
        return [certificate for text in texts for certificate in read_pem(text.encode())]

    def installer(self, programs: Sequence[str]) -> Installer | None:
        wanted = dict.fromkeys("docker" if program == "docker" else "qemu" for program in programs)
        return Installer("Homebrew", f"brew install {' '.join(wanted)}")


def resolvers(told: str, name: str) -> tuple[str, ...]:
    """The servers of the most special resolver for ``name`` in ``scutil --dns``; a VPN's has a domain."""
    best: tuple[int, tuple[str, ...]] = (-1, ())
    for block in told.partition("DNS configuration (for scoped queries)")[0].split("\n\n"):
        values: dict[str, list[str]] = {}
        for line in block.splitlines():
            key, colon, value = line.partition(":")
            if colon:
                values.setdefault(key.partition("[")[0].strip(), []).append(value.strip())
        domain = values.get("domain", [""])[0].strip(".").lower()
        fits = not domain or f".{name.lower()}".endswith(f".{domain}")
        servers = tuple(values.get("nameserver", ()))
        if fits and servers and len(domain) > best[0]:
            best = (len(domain), servers)
    return best[1]
