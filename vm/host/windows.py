"""Windows: WHPX and its feature, winget, LOCALAPPDATA, named pipes, QEMU's channels by TLS."""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import os
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from vm.channels import Channels
from vm.host import tls_channels, windows_hypervisor, windows_names, windows_registry, windows_security
from vm.host.base import Installer, Obstacle
from vm.host.common import LINE_LIMIT, CommonHost
from vm.host.optional_files import OptionalFiles
from vm.host.paths import DEFAULT_PIPE, PIPES, Paths, bundled_qemu
from vm.host.programs import CREATE_BREAKAWAY_FROM_JOB
from vm.host.proxies import Proxies, from_windows
from vm.host.windows_hypervisor import Virtualisation
from vm.spec import Accelerator, Arch

CREATE_NEW_PROCESS_GROUP = 0x00000200
DETACHED_PROCESS = 0x00000008
"""Process creation flags, Windows SDK winbase.h (``subprocess`` has them on Windows only)."""

NO_WHPX = ("WinHvPlatform", "failed to initialize whpx", "No accelerator found", "WHvGetCapability", "hr=")
"""What QEMU prints when Windows has no hypervisor for it (target/i386/whpx in its sources)."""

_QEMU, _DOCKER = "SoftwareFreedomConservancy.QEMU", "Docker.DockerCLI"
"""winget's names."""


class WindowsHost(CommonHost):
    """A Windows computer.

    :param look: asks Windows about virtualisation.    :param internet_settings: reads the user's proxy.
    :param version: reads what Windows it is.
    """

    def __init__(
        self,
        look: Callable[[Path], Virtualisation] = windows_hypervisor.look,
        internet_settings: Callable[[], Mapping[str, object]] = windows_registry.internet_settings,
        version: Callable[[], Mapping[str, object]] = windows_registry.version,
    ) -> None:
        self._look = look
        self._internet_settings = internet_settings
        self._version = version

    def accelerators(self, guest: Arch) -> tuple[Accelerator, ...]:
        return (Accelerator.WHPX,) if guest is self.arch else ()

    def obstacle(self, accelerator: Accelerator) -> Obstacle | None:
        system = Path(os.environ.get("SYSTEMROOT", r"C:\Windows")) / "System32"
        return windows_hypervisor.obstacle(self._look(system))

    def advice(self, accelerator: Accelerator, output: str) -> str:
        if any(sign in output for sign in NO_WHPX):
            return windows_hypervisor.TURN_ON
        update = "Slipway" if bundled_qemu().is_dir() else f"QEMU (winget upgrade {_QEMU})"
        return (
            f"Update Windows and {update}; in a virtual machine, switch on nested virtualisation "
            "for it in the outer hypervisor."
        )

    @property
    def default_docker_socket(self) -> Path:
        return DEFAULT_PIPE

    @property
    def offers_default_docker_socket(self) -> bool:
        return True

    @property
    def no_windows_containers(self) -> str:
        edition = str(self._version().get("EditionID", ""))
        return "Windows Home has none" if edition.startswith("Core") else ""

    def program_name(self, name: str) -> str:
        return f"{name}.exe"

    def _local(self) -> Path:
        base = os.environ.get("LOCALAPPDATA")
        return Path(base) if base else Path.home() / "AppData" / "Local"

    def default_home(self) -> Path:
        return self._local() / "Slipway"

    def default_cache(self) -> Path:
        return self._local() / "Slipway" / "cache"

    def paths(self) -> Paths:
        """Pipes of other homes and users end with a name of their own: all share one name space."""
        found = super().paths()
        if found.home == self.default_home():
            return replace(found, pipes="")
        return replace(found, pipes="_" + hashlib.sha256(str(found.home).lower().encode()).hexdigest()[:12])

    def make_private(self, path: Path) -> None:
        windows_security.make_private(path)

    def is_private(self, path: Path) -> bool:
        return windows_security.is_private(path)

    def qemu_folders(self) -> tuple[Path, ...]:
        roots = (os.environ.get("PROGRAMFILES"), r"C:\Program Files")
        return tuple(dict.fromkeys(Path(root) / "qemu" for root in roots if root))

    def installer(self, programs: Sequence[str]) -> Installer | None:
        wanted = dict.fromkeys(_DOCKER if program == "docker" else _QEMU for program in programs)
        return Installer("winget", " && ".join(f"winget install --exact --id {name}" for name in wanted))

    def name_servers(self, name: str) -> tuple[str, ...]:
        return windows_names.name_servers(name, windows_names.rules(), windows_names.general())

    def proxies(self, environment: Mapping[str, str]) -> Proxies:
        return super().proxies(environment) or from_windows(self._internet_settings())

    def certificates(self, files: OptionalFiles) -> list[bytes]:
        from vm.host.certificates import of_windows  # its library is large; the window has no use for it

        listing = getattr(ssl, "enum_certificates")  # noqa: B009 - only Windows' Python has it
        return of_windows(listing)

    def spawn_flags(self) -> dict[str, bool | int]:
        flags = CREATE_NEW_PROCESS_GROUP | DETACHED_PROCESS | CREATE_BREAKAWAY_FROM_JOB
        return {"creationflags": flags}

    def keep_open(self, descriptor: int) -> dict[str, tuple[int, ...]]:
        return {}

    def open_folder(self, path: bytes) -> int:
        raise OSError("Windows has no descriptors of folders")

    def make_channels(self, channels: Sequence[Path], keys: Path) -> Channels:
        return tls_channels.make(channels, keys)

    async def connect_local(self, path: Path, protocol: asyncio.BaseProtocol, *, of_system: bool = False) -> None:
        await _open_pipe(path, protocol, of_system=of_system)

    async def connect(
        self, path: Path, *, of_anyone: bool = False
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if not str(path).startswith(PIPES):
            return await tls_channels.connect(path)
        reader = asyncio.StreamReader(limit=LINE_LIMIT)
        protocol = asyncio.StreamReaderProtocol(reader)
        transport = await _open_pipe(path, protocol, of_anyone=of_anyone)
        return reader, asyncio.StreamWriter(transport, protocol, reader, asyncio.get_running_loop())


async def _open_pipe(
    path: Path, protocol: asyncio.BaseProtocol, *, of_anyone: bool = False, of_system: bool = False
) -> asyncio.WriteTransport:
    """:raise OSError: nothing listens there.    :raise HostError: another user's program does."""
    if not hasattr(asyncio.get_running_loop(), "_make_duplex_pipe_transport"):  # ProactorEventLoop only
        raise OSError("this event loop cannot open named pipes")
    client: Any = importlib.import_module("vm.host.pipe_client")  # it is there on Windows only, as are its types
    transport: asyncio.WriteTransport = await client.connect(
        path, protocol, of_anyone=of_anyone, of_system=of_system
    )
    return transport
