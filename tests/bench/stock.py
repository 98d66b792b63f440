"""The stock machine: Debian with systemd as it comes, the same engine, on the same QEMU as Slipway's machine.

It is built once with mmdebstrap (here with maintainer scripts, as anyone would) into the user's cache, under a
name made from all it is made of, and is booted once so that a measured boot is never its first. Measured boots
write to a snapshot that QEMU throws away. It gets a head start: no boot loader; its kernel and initramfs are
handed to QEMU as Slipway does with its own.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shlex
import shutil
import socket
import subprocess
import tempfile
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.bench.openssh import Login, NoForward, await_banner, pin, tunnel
from tests.bench.raw import BadReply, Connection
from vm.host import host
from vm.image.fetch import find_tool, host_sources, newer_line, run_lines
from vm.image.recipe import load_recipe

HERE = Path(__file__).resolve().parent
RECIPE = HERE / "stock.toml"
FILES = HERE / "stock_files"
CUSTOMIZE = HERE / "stock_customize.sh"
MAKE_DISK = HERE / "stock_disk.sh"
ADD_SUITE = HERE.parent.parent / "vm" / "image" / "hooks" / "add-suite.sh"

BOOT_SECONDS = 600.0
SAME = ("-M", "-machine", "-accel", "-cpu", "-smp", "-m")
"""QEMU's options that say what kind of computer it is; the stock machine gets those of Slipway's."""

MEMORY = "memory-backend-"
"""How an ``-object`` begins that holds the memory; with virtiofs, ``-machine memory-backend=…`` refers to it."""

KERNEL = "console=ttyS0 root=/dev/vda quiet"
SAME_KERNEL = ("mitigations=",)
"""Kernel parameters of Slipway's machine that the stock one gets too, though Debian does not set them."""


@dataclass(frozen=True)
class StockImage:
    """A built stock machine in the cache."""

    folder: Path

    @property
    def disk(self) -> Path:
        return self.folder / "disk.qcow2"

    @property
    def key(self) -> Path:
        return self.folder / "key"


def stock_version() -> str:
    """A name made from all the stock machine is made of (16 hex digits)."""
    debian = load_recipe()
    digest = hashlib.sha256(
        repr((debian.suite, debian.newer_suite, debian.newer_packages, debian.expect)).encode()
    )
    for path in (RECIPE, CUSTOMIZE, MAKE_DISK, *sorted(path for path in FILES.rglob("*") if path.is_file())):
        digest.update(path.relative_to(HERE).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def computer_options(argv: list[str]) -> list[str]:
    """From QEMU's command line, the options which say what kind of computer it is."""
    pairs = zip(argv, [*argv[1:], ""], strict=True)
    same = [pair for pair in pairs if pair[0] in SAME or (pair[0] == "-object" and pair[1].startswith(MEMORY))]
    return [word for pair in same for word in pair]


def kernel_line(argv: list[str]) -> str:
    """The stock machine's kernel parameters beside a Slipway machine with QEMU's command line ``argv``."""
    ours = argv[argv.index("-append") + 1].split() if "-append" in argv else []
    return " ".join([KERNEL, *(word for word in ours if word.startswith(SAME_KERNEL))])


def find_or_build(slipway_argv: list[str], say: Callable[[str], None]) -> StockImage:
    """The stock machine in the cache; built, and booted once, when it is not there.

    :param slipway_argv: the command line of Slipway's QEMU, for the first boot.
    :raise vm.errors.UserError: the packages cannot be had, or a tool is missing.
    """
    cache = host().paths().cache / "bench"
    image = StockImage(cache / f"stock-{stock_version()}")
    if image.folder.exists():
        return image
    cache.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="stock-", dir=cache))
    try:
        say("building the stock machine (once; a minute or two)")
        asyncio.run(_build(work))
        say("booting it for the first time")
        with StockMachine(StockImage(work), slipway_argv, keep=True) as machine:
            machine.await_api()
            machine.power_off()
        work.rename(image.folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return image


async def _build(folder: Path) -> None:
    debian, recipe = load_recipe(), tomllib.loads(RECIPE.read_text(encoding="utf-8"))
    await _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "bench", "-f", folder / "key")
    lines = await host_sources(debian.suite)
    preferences = folder / "preferences"
    preferences.write_text(
        f"Package: *\nPin: release n={debian.newer_suite}\nPin-Priority: 100\n\n"
        f"Package: {' '.join(debian.newer_packages)}\nPin: release n={debian.newer_suite}\nPin-Priority: 990\n"
    )
    customize = (
        shlex.join(["sh", str(CUSTOMIZE)])
        + ' "$1" '
        + shlex.join([str(FILES), str(folder / "key.pub"), str(folder)])
    )
    argv = [find_tool("mmdebstrap"), f"--variant={recipe['variant']}", "--format=tar"]
    argv += [f"--include={','.join(recipe['packages'])}"]
    argv += [f'--setup-hook=cp {shlex.quote(str(preferences))} "$1"/etc/apt/preferences.d/bench']
    argv += [f"--customize-hook={customize}"]
    sources = ""
    if lines:
        sources = "\n".join([*lines, newer_line(lines, debian.suite, debian.newer_suite), ""])
    else:  # as vm.image.fetch: beside the mirror mmdebstrap chooses
        argv += [f'--setup-hook=sh {shlex.quote(str(ADD_SUITE))} "$1" {debian.suite} {debian.newer_suite}']
    argv += [debian.suite, str(folder / "root.tar"), *(["-"] if lines else [])]
    async for _ in run_lines(argv, sources.encode(), "The stock machine cannot be built", []):
        pass
    alone = [] if os.geteuid() == 0 else [find_tool("mmdebstrap"), "--unshare-helper"]
    await _run(*alone, "sh", MAKE_DISK, folder / "root.tar", folder, f"{recipe['disk_gib']}G")
    (folder / "root.tar").unlink()
    await _run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", folder / "disk.raw", folder / "disk.qcow2")
    (folder / "disk.raw").unlink()


async def _run(*argv: str | Path) -> None:
    async for _ in run_lines([str(word) for word in argv], b"", f"{argv[0]} failed", []):
        pass


class PeerEnded(subprocess.SubprocessError):
    """The stock machine's QEMU ended by itself; the message has its exit code and what it printed."""


class StockMachine:
    """One boot of the stock machine; a context manager, at whose end nothing of it is left.

    :param slipway_argv: the command line of Slipway's QEMU: same program, same computer.
    :param keep: write to its disk for good.
    :ivar began: on time.monotonic()'s clock, just before QEMU was started.
    """

    def __init__(self, image: StockImage, slipway_argv: list[str], keep: bool = False) -> None:
        self._image = image
        self._argv = slipway_argv
        self._keep = keep

    def __enter__(self) -> StockMachine:
        self._folder = Path(tempfile.mkdtemp(prefix="bench-", dir="/tmp"))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        self.login = Login(port, self._image.key, self._folder / "known_hosts")
        pin(self.login.known_hosts, port, self._image.folder / "host.pub")
        snapshot = "" if self._keep else ",snapshot=on"
        argv = [self._argv[0], "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]
        argv += computer_options(self._argv)
        argv += ["-kernel", str(self._image.folder / "kernel"), "-initrd", str(self._image.folder / "initramfs")]
        argv += ["-append", kernel_line(self._argv), "-serial", f"file:{self._folder / 'console.log'}"]
        argv += ["-drive", f"if=virtio,format=qcow2,file={self._image.disk}{snapshot}"]
        argv += ["-netdev", f"user,id=net,hostfwd=tcp:127.0.0.1:{port}-:22"]
        argv += ["-device", "virtio-net-pci,netdev=net,romfile="]
        argv += ["-object", "rng-builtin,id=rng", "-device", "virtio-rng-pci,rng=rng"]
        self._said = self._folder / "qemu.log"
        self.began = time.monotonic()
        with self._said.open("wb") as said:
            self._process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait(timeout=30)
        shutil.rmtree(self._folder)

    @property
    def process(self) -> psutil.Process:
        """Its QEMU."""
        return psutil.Process(self._process.pid)

    def await_api(self) -> float:
        """Wait until the engine answers through OpenSSH; return the seconds since QEMU was started.

        :raise TimeoutError: it did not.    :raise PeerEnded: QEMU has ended.
        """
        deadline = self.began + BOOT_SECONDS
        await_banner(self.login.port, deadline, self._check)
        while True:
            try:
                with tunnel(self.login, self._folder / "docker.sock") as path:
                    return self._first_answer(path, deadline)
            except NoForward:  # a server that has just come up may send the first ones away
                self._check()
                if time.monotonic() > deadline:
                    raise

    def _check(self) -> None:
        code = self._process.poll()
        if code is not None:
            said = self._said.read_text(errors="replace").strip()
            raise PeerEnded(f"the stock machine's QEMU ended (exit code {code}): {said or 'it did not say why'}")

    def _first_answer(self, path: Path, deadline: float) -> float:
        while True:
            try:
                with Connection(path) as connection:
                    connection.ask("GET", "/_ping")
                return time.monotonic() - self.began
            except (OSError, BadReply, ValueError):
                self._check()
                if time.monotonic() > deadline:
                    raise TimeoutError("the stock machine's engine did not answer") from None
                time.sleep(0.05)

    def power_off(self) -> None:
        """Shut it down as its administrator would, and wait for QEMU's end."""
        subprocess.run([*self.login.argv(), "systemctl poweroff"], capture_output=True, check=False, timeout=60)
        self._process.wait(timeout=120)
