"""What the three systems answer alike; each host file builds on this and overrides what differs."""

from __future__ import annotations

import asyncio
import errno
import os
import platform
import shutil
import socket
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from vm.channels import Channels
from vm.errors import HostError
from vm.host.optional_files import OptionalFiles
from vm.host.paths import DEFAULT_SOCKET, Paths
from vm.host.proxies import Proxies, from_variables
from vm.spec import Arch

_ARCHES = {"x86_64": Arch.AMD64, "amd64": Arch.AMD64, "aarch64": Arch.ARM64, "arm64": Arch.ARM64}

LINE_LIMIT = 16 * 1024 * 1024
"""Longest line, in bytes, a local channel may send (QMP replies are one line each)."""

FOLDER = sum(getattr(os, name, 0) for name in ("O_DIRECTORY", "O_CLOEXEC", "O_PATH"))
"""Opens a folder for nothing but being one (open(2)); Windows has none of these."""


DEFAULT_TERMINAL = 80, 24


class CommonHost:
    """The answers that do not depend on the system."""

    @property
    def arch(self) -> Arch:
        machine = platform.machine().lower()
        try:
            return _ARCHES[machine]
        except KeyError:
            raise HostError(
                f"Slipway does not support this processor: {machine or 'unknown'}",
                "It runs on amd64 (x86-64) and arm64 computers.",
            ) from None

    @property
    def cpu_count(self) -> int:
        return os.cpu_count() or 1

    @property
    def memory_mib(self) -> int:
        return int(psutil.virtual_memory().total // (1024 * 1024))

    @property
    def default_docker_socket(self) -> Path:
        return DEFAULT_SOCKET

    @property
    def offers_default_docker_socket(self) -> bool:
        return False

    @property
    def no_windows_containers(self) -> str:
        return "needs a Windows computer"

    @property
    def boot_id(self) -> str:
        return f"{platform.system()} {platform.release()} {platform.version()}"

    def program_name(self, name: str) -> str:
        return name

    def default_home(self) -> Path:
        return Path.home() / ".slipway"

    def default_cache(self) -> Path:
        return Path.home() / ".cache" / "slipway"

    def paths(self) -> Paths:
        home = os.environ.get("SLIPWAY_HOME")
        cache = os.environ.get("SLIPWAY_CACHE")
        return Paths(
            home=Path(home).expanduser().absolute() if home else self.default_home(),
            cache=Path(cache).expanduser().absolute() if cache else self.default_cache(),
            make_private=self.make_private,
        )

    def free_bytes(self, path: Path) -> int:
        folder = path.absolute()
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        return shutil.disk_usage(folder).free

    def name_servers(self, name: str) -> tuple[str, ...]:
        try:
            text = Path("/etc/resolv.conf").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ()
        return name_servers(text)

    def proxies(self, environment: Mapping[str, str]) -> Proxies:
        return from_variables(environment)

    def certificates(self, files: OptionalFiles) -> list[bytes]:
        return []

    def spawn_flags(self) -> dict[str, bool | int]:
        return {"start_new_session": True}

    def keep_open(self, descriptor: int) -> dict[str, tuple[int, ...]]:
        return {"pass_fds": (descriptor,)}

    def birth(self, pid: int) -> str | None:
        try:
            return repr(psutil.Process(pid).create_time())
        except psutil.Error:
            return None

    def make_private(self, path: Path) -> None:
        path.chmod(0o700 if path.is_dir() else 0o600)

    def is_private(self, path: Path) -> bool:
        return not stat.S_IMODE(path.stat().st_mode) & 0o077

    @property
    def is_root(self) -> bool:
        return bool(getattr(os, "geteuid", lambda: 1)() == 0)

    def file_servers(self) -> tuple[Path, ...] | None:
        return None

    def listen_and_connect(self, path: Path) -> tuple[socket.socket, socket.socket]:
        raise OSError(errno.ENOTSUP, "not on this system")

    def open_folder(self, path: bytes) -> int:
        """Folder by folder, each relative to the one before, none through a link."""
        flags = FOLDER | getattr(os, "O_NOFOLLOW", 0)
        folder = os.open("/", flags)
        for part in path.split(b"/"):
            if part:
                try:
                    below = os.open(part, flags, dir_fd=folder)
                finally:
                    os.close(folder)
                folder = below
        return folder

    def make_channels(self, channels: Sequence[Path], keys: Path) -> Channels:
        for channel in channels:
            channel.unlink(missing_ok=True)  # left by a QEMU that was killed
        return Channels()

    async def connect_local(self, path: Path, protocol: asyncio.BaseProtocol, *, of_system: bool = False) -> None:
        await asyncio.get_running_loop().create_unix_connection(lambda: protocol, str(path))

    async def connect(
        self, path: Path, *, of_anyone: bool = False
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=LINE_LIMIT)
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await loop.create_unix_connection(lambda: protocol, str(path))
        return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


def name_servers(text: str) -> tuple[str, ...]:
    """The servers a resolv.conf(5) names; without one, the host's own."""
    lines = (line.split() for line in text.splitlines())
    found = tuple(words[1] for words in lines if len(words) > 1 and words[0] == "nameserver")
    return found or ("127.0.0.1",)


def terminal_size(descriptor: int) -> tuple[int, int]:
    """Columns and lines of a terminal; 80 and 24, as ssh(1) has it, where it does not tell.

    Not those of the variables COLUMNS and LINES, which stay when the window changes.
    """
    try:
        found = os.get_terminal_size(descriptor)
    except OSError:
        return DEFAULT_TERMINAL
    return (found.columns, found.lines) if all(found) else DEFAULT_TERMINAL
