"""The command line of every host, accelerator and architecture, against golden files one can read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from vm.channels import Channels, quote
from vm.qemu.command import build_argv, probe_argv
from vm.spec import Accelerator, Arch, BootFiles, DiskSpec, MachineSpec, PortForward, Share

LINUX, MACOS, WINDOWS = "linux", "macos", "windows"
AMD64, ARM64 = Arch.AMD64, Arch.ARM64
HOMES = {
    LINUX: ("/usr/bin", "/home/ada/.slipway", "/home/ada/.cache/slipway"),
    MACOS: ("/opt/homebrew/bin", "/Users/ada/.slipway", "/Users/ada/Library/Caches/slipway"),
    WINDOWS: (
        "C:/Program Files/qemu",
        "C:/Users/ada/AppData/Local/Slipway",
        "C:/Users/ada/AppData/Local/Slipway/cache",
    ),
}
CASES = [
    (LINUX, Accelerator.KVM, AMD64, (7, 2)),
    (LINUX, Accelerator.KVM, ARM64, (7, 2)),
    (LINUX, Accelerator.TCG, AMD64, (7, 2)),
    (LINUX, Accelerator.TCG, ARM64, (7, 2)),
    (MACOS, Accelerator.HVF, AMD64, (10, 1)),
    (MACOS, Accelerator.HVF, ARM64, (10, 1)),
    (MACOS, Accelerator.HVF, ARM64, (11, 1)),
    (WINDOWS, Accelerator.WHPX, AMD64, (11, 0)),
    (WINDOWS, Accelerator.WHPX, ARM64, (11, 0)),
    (WINDOWS, Accelerator.TCG, AMD64, (11, 0)),
]


def make_spec(system: str, accelerator: Accelerator, arch: Arch, version: tuple[int, int]) -> MachineSpec:
    programs, home, cache = HOMES[system]
    qemu = {AMD64: "qemu-system-x86_64", ARM64: "qemu-system-aarch64"}[arch]
    image = Path(cache) / "images" / "0123abcd"
    channels = [Path(home) / "run" / name for name in ("qmp.sock", "guest.sock", "link.sock")]
    tls = Channels(Path(home) / "run/channels", dict(zip(channels, (49801, 49802, 49803), strict=True)))
    return MachineSpec(
        channels=tls if system is WINDOWS else Channels(),
        qemu=Path(programs) / (qemu + (".exe" if system is WINDOWS else "")),
        qemu_version=version,
        accelerator=accelerator,
        boot=BootFiles(arch, image / "kernel", image / "initramfs", image / "root.erofs", "0123abcd"),
        disk=DiskSpec(Path(home) / "machine/data.qcow2", 64),
        cpus=4,
        memory_mib=4096,
        qmp_socket=Path(home) / "run/qmp.sock",
        control_socket=Path(home) / "run/guest.sock",
        link_socket=Path(home) / "run/link.sock",
        console_log=Path(home) / "logs/console.log",
        forwards=(PortForward(40022, 22),),
        config={
            "host_key": Path(home) / "machine/keys/host",
            "authorized_keys": Path(home) / "machine/keys/client.pub",
        },
    )


def test_shared_folders(golden: Callable[[str, str], None]) -> None:
    spec = replace(
        make_spec(LINUX, Accelerator.KVM, AMD64, (7, 2)),
        shares=(Share("0123456789abcdef", Path("/home/ada"), 11), Share("fedcba9876543210", Path("/srv"), 12)),
    )
    golden("qemu/linux-kvm-amd64-7.2-shares.txt", as_lines(build_argv(spec)))


def as_lines(argv: list[str]) -> str:
    """One option with its value per line, so that a difference reads well."""
    return "\n".join(argv).replace("\n-", "\0-").replace("\n", " ").replace("\0", "\n") + "\n"


@pytest.mark.parametrize(("system", "accelerator", "arch", "version"), CASES)
def test_command_line(
    system: str,
    accelerator: Accelerator,
    arch: Arch,
    version: tuple[int, int],
    golden: Callable[[str, str], None],
) -> None:
    argv = build_argv(make_spec(system, accelerator, arch, version))
    golden(f"qemu/{system}-{accelerator}-{arch}-{version[0]}.{version[1]}.txt", as_lines(argv))


@pytest.mark.parametrize(("accelerator", "arch"), [(Accelerator.KVM, AMD64), (Accelerator.HVF, ARM64)])
def test_trial_boot(accelerator: Accelerator, arch: Arch, golden: Callable[[str, str], None]) -> None:
    argv = probe_argv(
        Path("/usr/bin/qemu"), (11, 0), arch, accelerator, Path("/cache/kernel"), Path("/tmp/t/console")
    )
    golden(f"qemu/trial-{accelerator}-{arch}.txt", as_lines(argv))


def test_commas_in_paths_are_doubled_wherever_an_option_is_split_at_them() -> None:
    spec = make_spec(LINUX, Accelerator.TCG, AMD64, (7, 2))
    odd = Path("/home/ada, lovelace/a,b")
    spec = replace(
        spec,
        disk=DiskSpec(odd / "data.qcow2", 1),
        boot=replace(spec.boot, root=odd / "root", kernel=odd / "kernel", initramfs=odd / "initramfs"),
        qmp_socket=odd / "qmp",
        control_socket=odd / "control",
        console_log=odd / "console",
        config={"time": odd / "time"},
    )
    argv = build_argv(spec)
    with_path = [argument for argument in argv if "lovelace" in argument]
    whole = {str(odd / "kernel"), str(odd / "initramfs")}  # -kernel and -initrd are not split
    assert {argument for argument in with_path if "/home/ada, lovelace/a,b" in argument} == whole
    doubled = [argument for argument in with_path if "/home/ada,, lovelace/a,,b" in argument]
    assert len(doubled) == len(with_path) - 2 == 6


def test_quote_leaves_other_characters_alone() -> None:
    assert quote("a=b c'd") == "a=b c'd"
    assert quote(Path("/a,b,,c")) == "/a,,b,,,,c"


def test_no_forward_listens_beyond_loopback() -> None:
    spec = replace(
        make_spec(LINUX, Accelerator.TCG, AMD64, (7, 2)), forwards=(PortForward(1, 22), PortForward(2, 23))
    )
    netdev = next(argument for argument in build_argv(spec) if argument.startswith("user,"))
    assert netdev.count("hostfwd=") == netdev.count("hostfwd=tcp:127.0.0.1:") == 2


def test_extra_kernel_parameters_come_last() -> None:
    spec = replace(make_spec(LINUX, Accelerator.KVM, ARM64, (7, 2)), cmdline=("slipway.repair",))
    argv = build_argv(spec)
    assert argv[argv.index("-append") + 1] == "console=ttyAMA0 panic=-1 quiet slipway.repair"
