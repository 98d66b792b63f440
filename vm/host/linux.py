"""Linux: KVM, XDG folders, process identity from /proc."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

from vm.host.base import Installer, Obstacle
from vm.host.common import FOLDER, CommonHost
from vm.host.optional_files import OptionalFiles
from vm.host.packages import find_installer
from vm.host.proxies import Proxies, from_gnome, run
from vm.spec import Accelerator, Arch

_VIRTIOFSD = (Path("/usr/libexec"), Path("/usr/lib"), Path("/usr/lib/qemu"))
_FAMILY = "AF_UNIX"  # not every system has it

_OPENAT2 = 437
_AT_FDCWD = -100
_NO_MAGIC_LINKS, _NO_LINKS = 0x02, 0x04
"""openat2(2), Linux 5.6: its number on every architecture, and RESOLVE_NO_MAGICLINKS and RESOLVE_NO_SYMLINKS."""


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


class LinuxHost(CommonHost):
    """A Linux computer.

    :param kvm: the KVM device; tests give another file.
    :param proc: where procfs is.
    """

    def __init__(self, kvm: Path = Path("/dev/kvm"), proc: Path = Path("/proc")) -> None:
        self._kvm = kvm
        self._proc = proc
        self._call = ctypes.CDLL(None, use_errno=True).syscall

    @property
    def cpu_count(self) -> int:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else super().cpu_count

    def accelerators(self, guest: Arch) -> tuple[Accelerator, ...]:
        return (Accelerator.KVM,) if guest is self.arch else ()

    def obstacle(self, accelerator: Accelerator) -> Obstacle | None:
        try:
            descriptor = os.open(self._kvm, os.O_RDWR)
        except FileNotFoundError:
            return Obstacle(
                f"{self._kvm} does not exist",
                "Switch on virtualisation (VT-x or AMD-V) in the firmware; in a virtual machine, "
                "nested virtualisation. Then: sudo modprobe kvm-intel || sudo modprobe kvm-amd",
            )
        except PermissionError:
            return Obstacle(
                f"you may not open {self._kvm}",
                "sudo usermod -aG kvm $USER, then log out and in again",
            )
        except OSError as error:
            code = errno.errorcode.get(error.errno or 0, "")
            return Obstacle(
                f"{self._kvm} cannot be opened: {error.strerror} ({code})",
                "See the kernel's messages: sudo dmesg | grep -i kvm",
            )
        os.close(descriptor)
        return None

    def advice(self, accelerator: Accelerator, output: str) -> str:
        if "Device or resource busy" in output:
            return "Another hypervisor (VirtualBox, VMware) uses the processor's virtualisation: close it."
        return (
            "Your computer is probably a virtual machine whose nested virtualisation does not work: "
            "switch it on in its provider's settings, or use a computer with working KVM."
        )

    @property
    def boot_id(self) -> str:
        return f"{super().boot_id} {self._boot()}"

    def _boot(self) -> str:
        try:
            return (self._proc / "sys/kernel/random/boot_id").read_text().strip()
        except OSError:
            return ""

    def default_cache(self) -> Path:
        base = os.environ.get("XDG_CACHE_HOME", "")
        # the XDG base directory specification: a relative value is to be ignored
        return (Path(base) if base.startswith("/") else Path.home() / ".cache") / "slipway"

    def qemu_folders(self) -> tuple[Path, ...]:
        return (Path("/usr/bin"), Path("/usr/local/bin"), Path("/usr/libexec"))

    def proxies(self, environment: Mapping[str, str]) -> Proxies:
        return super().proxies(environment) or from_gnome(run)

    def certificates(self, files: OptionalFiles) -> list[bytes]:
        from vm.host.certificates import of_linux  # its library is large; the window has no use for it

        return of_linux(files)

    def installer(self, programs: Sequence[str]) -> Installer | None:
        return find_installer(programs)

    def file_servers(self) -> tuple[Path, ...]:
        found = [shutil.which("virtiofsd"), *(folder / "virtiofsd" for folder in _VIRTIOFSD)]
        return tuple(Path(path) for path in dict.fromkeys(found) if path and os.access(path, os.X_OK))

    def listen_and_connect(self, path: Path) -> tuple[socket.socket, socket.socket]:
        path.unlink(missing_ok=True)
        listener, connection = (socket.socket(getattr(socket, _FAMILY)) for _ in range(2))
        try:
            listener.bind(str(path))
            listener.listen(1)
            connection.connect(str(path))
            path.unlink()
        except OSError:
            listener.close()
            connection.close()
            raise
        return listener, connection

    def open_folder(self, path: bytes) -> int:
        """In one call where the kernel can (5.6 and newer), else folder by folder."""
        how = _OpenHow(FOLDER, 0, _NO_MAGIC_LINKS | _NO_LINKS)
        found = int(self._call(_OPENAT2, _AT_FDCWD, path, ctypes.byref(how), ctypes.sizeof(how)))
        if found >= 0:
            return found
        code = ctypes.get_errno()
        if code in (errno.ENOSYS, errno.EPERM, errno.EAGAIN):  # EPERM: a filter that does not know the call
            return super().open_folder(path)
        raise OSError(code, os.strerror(code), os.fsdecode(path))

    def birth(self, pid: int) -> str | None:
        """Boot id and start in ticks since boot: field 22 of /proc/PID/stat, proc(5)."""
        try:
            stat = (self._proc / str(pid) / "stat").read_text()
        except OSError:
            return None
        fields = stat.rpartition(")")[2].split()  # the name may hold anything, spaces and brackets too
        state, start = fields[0], fields[19]
        return None if state in "ZX" else f"{self._boot()}:{start}"
