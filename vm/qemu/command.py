"""From a MachineSpec to QEMU's arguments: a pure function, so that golden files can show every case.

Nothing is left to QEMU's defaults: no default devices, no user configuration, one virtio device per purpose.
Each value given to a comma-separated option passes :func:`quote`. Sources: QEMU's manual, "Invocation"
(https://www.qemu.org/docs/master/system/invocation.html), for 7.2 to 11.
"""

from __future__ import annotations

from pathlib import Path

from vm.channels import quote
from vm.spec import Accelerator, Arch, MachineSpec

CONTROL_PORT = "org.slipway.control"
LINK_PORT = "org.slipway.link"
FW_CFG_PREFIX = "opt/org.slipway/"
ROOT_SERIAL = "slipway-root"
DATA_SERIAL = "slipway-data"
DATA_NODE = "data"
"""The block node of the data disk, for QMP's ``block_resize``."""
SPARE_SLOT = "spare"
"""The root port that a disk can be plugged into while the machine runs (slot.py)."""

CONSOLES = {Arch.AMD64: "ttyS0", Arch.ARM64: "ttyAMA0"}
PROGRAMS = {Arch.AMD64: "qemu-system-x86_64", Arch.ARM64: "qemu-system-aarch64"}

TB_CACHE_MIB = 512
"""TCG's cache of translated code. Touched pages only cost memory when the guest runs that much code."""


def build_argv(spec: MachineSpec) -> list[str]:
    """QEMU's complete argument vector for ``spec``."""
    return [
        str(spec.qemu),
        *_machine(spec.boot.arch, spec.accelerator, spec.cpus, spec.memory_mib, spec.qemu_version),
        *spec.channels.credentials(),
        *spec.channels.listen("qmp", spec.qmp_socket),
        *("-mon", "chardev=qmp,mode=control"),
        *("-kernel", str(spec.boot.kernel), "-initrd", str(spec.boot.initramfs)),
        *("-append", " ".join([*kernel_parameters(spec.boot.arch, spec.accelerator), *spec.cmdline])),
        *_console(spec.console_log),
        *_disks(spec),
        *("-device", f"pcie-root-port,id={SPARE_SLOT},chassis=1,slot=1"),
        *_network(spec),
        *_serial_ports(spec),
        *("-object", "rng-builtin,id=rng0", "-device", "virtio-rng-pci,rng=rng0"),
        *_shares(spec),
        *_config(spec),
    ]


def probe_argv(
    qemu: Path, version: tuple[int, int], arch: Arch, accelerator: Accelerator, kernel: Path, console: Path
) -> list[str]:
    """Arguments for a trial boot: the kernel alone, which ends in "no root" and thereby ends QEMU.

    A kernel that finds out that it has no root file system has run all its own code, on two processors.
    """
    return [
        str(qemu),
        *_machine(arch, accelerator, 2, 256, version),
        *("-kernel", str(kernel)),
        *("-append", " ".join(kernel_parameters(arch, accelerator))),
        *_console(console),
    ]


def kernel_parameters(arch: Arch, accelerator: Accelerator) -> list[str]:
    """Kernel parameters of every boot.

    ``panic=-1`` restarts at once, which ``-no-reboot`` turns into QEMU's end, so a panic is noticed at once.
    Under emulation the processor does not speculate, so the kernel's defences against that only cost time. And
    QEMU translates a program again for each address it is loaded at: without randomised addresses, which Linux
    has by default, starting a small program takes 6 ms instead of 27.

    The kernel begins on one emulated processor, and the initramfs starts the others: while several run, the early
    kernel patches code and PCI windows that another processor is using, which crashes it, or QEMU itself, in about
    one of twenty boots. ``no_timer_check`` leaves out a test that counts timer ticks and panics on a busy host
    (Documentation/admin-guide/kernel-parameters.txt; x86 only).
    """
    parameters = [f"console={CONSOLES[arch]}", "panic=-1", "quiet"]
    if accelerator is Accelerator.TCG:
        parameters += ["mitigations=off", "norandmaps", "maxcpus=1"]
        if arch is Arch.AMD64:
            parameters.append("no_timer_check")
    return parameters


def _machine(
    arch: Arch, accelerator: Accelerator, cpus: int, memory_mib: int, version: tuple[int, int]
) -> list[str]:
    accel = str(accelerator)
    if accelerator is Accelerator.TCG:
        accel = f"tcg,thread=multi,tb-size={TB_CACHE_MIB}"
    return [
        *("-name", "slipway"),
        *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
        *("-M", _board(arch, accelerator, version), "-accel", accel, "-cpu", _cpu(arch, accelerator)),
        *("-smp", str(cpus), "-m", f"{memory_mib}M", "-rtc", "base=utc,clock=host"),
        *("-msg", "timestamp=on"),
    ]


def _board(arch: Arch, accelerator: Accelerator, version: tuple[int, int]) -> str:
    if arch is Arch.AMD64:
        return "q35,smm=off,vmport=off,sata=off,smbus=off"
    if accelerator is Accelerator.TCG:
        return "virt,gic-version=3"  # version 2 stops at 8 processors
    if accelerator is Accelerator.HVF and version >= (11, 0):
        return "virt-11.0"  # 11.1 changed the interrupt controller's default under HVF
    return "virt"


def _cpu(arch: Arch, accelerator: Accelerator) -> str:
    if accelerator in (Accelerator.KVM, Accelerator.HVF):
        return "host"
    if accelerator is Accelerator.WHPX:
        # "max" hangs in firmware under WHPX; this one has all of x86-64-v2
        return "Westmere" if arch is Arch.AMD64 else "host"
    # "max" has x86-64-v3, which current distributions' containers want. Five-level page tables and the
    # architected pointer authentication only make emulation slower.
    return "max,la57=off" if arch is Arch.AMD64 else "max,pauth-impdef=on"


def _console(log: Path) -> list[str]:
    return ["-chardev", f"file,id=console,path={quote(log)},append=off", "-serial", "chardev:console"]


def _disks(spec: MachineSpec) -> list[str]:
    root = f"driver=raw,node-name=root,read-only=on,file.driver=file,file.filename={quote(spec.boot.root)}"
    data = (
        f"driver=qcow2,node-name={DATA_NODE},discard=unmap,detect-zeroes=unmap,"
        f"file.driver=file,file.discard=unmap,file.filename={quote(spec.disk.path)}"
    )
    return [
        *("-blockdev", root, "-device", f"virtio-blk-pci,drive=root,serial={ROOT_SERIAL}"),
        *("-blockdev", data),
        *("-device", f"virtio-blk-pci,drive={DATA_NODE},serial={DATA_SERIAL},discard=on,write-zeroes=on"),
    ]


def _network(spec: MachineSpec) -> list[str]:
    user = ["user", "id=net0", "ipv6=off", "net=10.0.2.0/24", "host=10.0.2.2", "dns=10.0.2.3"]
    user += [f"hostfwd=tcp:127.0.0.1:{forward.host_port}-:{forward.guest_port}" for forward in spec.forwards]
    # an empty romfile: nothing boots over this card, and its boot ROM takes time
    return ["-netdev", ",".join(user), "-device", "virtio-net-pci,netdev=net0,romfile="]


def _serial_ports(spec: MachineSpec) -> list[str]:
    ports = [("control", spec.control_socket, CONTROL_PORT)]
    if spec.link_socket is not None:
        ports.append(("link", spec.link_socket, LINK_PORT))
    argv = ["-device", f"virtio-serial-pci,id=serial0,max_ports={len(ports) + 1}"]  # number 0 is a console's
    for number, (identity, path, name) in enumerate(ports, 1):
        argv += spec.channels.listen(identity, path)
        argv += ["-device", f"virtserialport,bus=serial0.0,nr={number},chardev={identity},name={name}"]
    return argv


def _shares(spec: MachineSpec) -> list[str]:
    """Folders by virtiofs. Their servers write into the machine's memory themselves, so it has to be shared."""
    if not spec.shares:
        return []
    argv = ["-object", f"memory-backend-memfd,id=memory,size={spec.memory_mib}M,share=on"]
    argv += ["-machine", "memory-backend=memory"]
    for number, share in enumerate(spec.shares):
        argv += ["-chardev", f"socket,id=share{number},fd={share.descriptor}"]
        argv += ["-device", f"vhost-user-fs-pci,chardev=share{number},tag={share.tag},queue-size=1024"]
    return argv


def _config(spec: MachineSpec) -> list[str]:
    argv: list[str] = []
    for name, path in sorted(spec.config.items()):
        argv += ["-fw_cfg", f"name={FW_CFG_PREFIX}{name},file={quote(path)}"]
    return argv
