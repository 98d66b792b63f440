"""What a machine is made of, as frozen values: the input of the pure QEMU command builder."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from vm.channels import Channels


class Arch(StrEnum):
    """Guest architectures, by Docker's names (GOARCH)."""

    AMD64 = "amd64"
    ARM64 = "arm64"


class Accelerator(StrEnum):
    """QEMU's accelerators, by QEMU's names (``-accel``)."""

    KVM = "kvm"
    HVF = "hvf"
    WHPX = "whpx"
    TCG = "tcg"


@dataclass(frozen=True)
class DiskSpec:
    """The data disk: a sparse qcow2 file that passes discard through.

    :ivar path: where the file is.
    :ivar size_gib: the size the guest sees, in GiB.
    """

    path: Path
    size_gib: int


@dataclass(frozen=True)
class PortForward:
    """One of QEMU's user-network forwards (``hostfwd``), TCP, on the host's loopback only.

    :ivar host_port: 0 lets the machine choose a free one.
    """

    host_port: int
    guest_port: int


@dataclass(frozen=True)
class FileServer:
    """A virtiofsd: the one in Rust, or the older one in C."""

    path: Path
    rust: bool


@dataclass(frozen=True)
class Share:
    """A folder of the host that the machine may mount by virtiofs.

    :ivar tag: the device's name in the guest, at most 36 bytes.
    :ivar descriptor: QEMU's connection to the folder's server; the machine fills it in.
    """

    tag: str
    folder: Path
    descriptor: int = -1


@dataclass(frozen=True)
class BootFiles:
    """The three files of a system image, and what they are.

    :ivar version: the image's content address (hex), as its manifest says.
    """

    arch: Arch
    kernel: Path
    initramfs: Path
    root: Path
    version: str


@dataclass(frozen=True)
class MachineSpec:
    """All that decides QEMU's command line.

    :ivar qemu: the QEMU program.
    :ivar cpus: virtual CPUs, ≥ 1.
    :ivar memory_mib: guest memory in MiB.
    :ivar config: files handed to the guest through fw_cfg: name → host path. The guest sees each as
        ``/sys/firmware/qemu_fw_cfg/by_name/opt/org.slipway/NAME/raw`` (QEMU docs, specs/fw_cfg).
    :ivar qmp_socket: the channel at which QEMU listens for QMP.
    :ivar control_socket: the channel that is the host end of the virtio-serial port ``org.slipway.control``.
    :ivar link_socket: the host end of the virtio-serial port ``org.slipway.link``; None: there is none.
    :ivar console_log: the file that receives the guest's serial console.
    :ivar cmdline: kernel parameters besides those every start has.
    :ivar qemu_version: major and minor; newer QEMUs need some defaults pinned.
    :ivar shares: folders that ``file_server`` serves, a process for each.
    :ivar channels: how QEMU listens at its channels; the machine fills it in.
    :ivar unshared: why other folders are not shared in this way; empty when there is nothing to say.
    """

    qemu: Path
    accelerator: Accelerator
    boot: BootFiles
    disk: DiskSpec
    cpus: int
    memory_mib: int
    qmp_socket: Path
    control_socket: Path
    console_log: Path
    forwards: tuple[PortForward, ...] = ()
    config: dict[str, Path] = field(default_factory=dict)
    cmdline: tuple[str, ...] = ()
    qemu_version: tuple[int, int] = (7, 2)
    link_socket: Path | None = None
    file_server: FileServer | None = None
    shares: tuple[Share, ...] = ()
    unshared: str = ""
    channels: Channels = field(default_factory=Channels)
