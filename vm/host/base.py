"""What the rest of Slipway may ask about the host, as Protocols and plain data.

One file per system (linux.py, macos.py, windows.py) answers; nothing outside ``vm/host`` asks which system it is.
What a host can or cannot do is data on its object, so that a caller tests a capability and never a platform.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from vm.channels import Channels
from vm.host.optional_files import OptionalFiles
from vm.host.paths import Paths
from vm.host.proxies import Proxies
from vm.spec import Accelerator, Arch


@dataclass(frozen=True)
class Obstacle:
    """Why an accelerator cannot be used here, found without booting anything.

    :ivar why: one sentence for the user.
    :ivar fix: what would change it, a command where there is one; may be empty.
    """

    why: str
    fix: str


@dataclass(frozen=True)
class Installer:
    """A package manager and the one command that installs QEMU's parts with it.

    :ivar command: what to type, complete.
    """

    name: str
    command: str


class LocalServer(Protocol):
    """Accepts connections at one local address and makes an asyncio protocol for each."""

    async def start(self, make_protocol: Callable[[], asyncio.BaseProtocol]) -> None:
        """Begin to accept.

        :raise PermissionError: another program listens there.
        :raise OSError: the address cannot be used.
        """
        ...

    async def close(self) -> None:
        """Stop accepting. Connections already accepted stay. Idempotent."""
        ...


class Terminal(Protocol):
    """The terminal that this process was started in, for a program elsewhere that is to have it as its own."""

    @property
    def name(self) -> str:
        """Its kind, by the variable TERM; what terminfo(5) knows."""
        ...

    def size(self) -> tuple[int, int]:
        """Columns and rows."""
        ...

    def taken(self, resized: Callable[[], None]) -> AbstractContextManager[None]:
        """Until this ends, each key is read as it is typed, Ctrl-C too, and nothing is echoed.

        :param resized: called, in any thread, when the size has changed.
        """
        ...

    def read(self) -> bytes:
        """Wait for what is typed, in UTF-8; empty when no more will be."""
        ...

    def write(self, data: bytes) -> None:
        """Show text in UTF-8 with its escape sequences; a character may come in two pieces."""
        ...


@dataclass(frozen=True)
class SessionListener:
    """What is called, in any thread, when the user's session ends or the computer has slept.

    :ivar end: this process is to end in order; returns at once.
    :ivar wait_until_ended: blocks until it has done so as far as others could notice.
    :ivar woke: the computer has slept, or its clock was set; returns at once.
    """

    end: Callable[[], None]
    wait_until_ended: Callable[[], None]
    woke: Callable[[], None]


class Host(Protocol):
    """The host."""

    @property
    def arch(self) -> Arch:
        """The processor's architecture, which is the one a hardware accelerator can run.

        :raise HostError: it is neither amd64 nor arm64.
        """
        ...

    @property
    def cpu_count(self) -> int:
        """Processors this process may use, ≥ 1."""
        ...

    @property
    def memory_mib(self) -> int:
        """Physical memory in MiB."""
        ...

    def accelerators(self, guest: Arch) -> tuple[Accelerator, ...]:
        """Hardware accelerators this system could offer a ``guest``, best first; never TCG."""
        ...

    def obstacle(self, accelerator: Accelerator) -> Obstacle | None:
        """What plainly forbids ``accelerator`` (absent device, no permission); None: it has to be tried."""
        ...

    def advice(self, accelerator: Accelerator, output: str) -> str:
        """What to do when a trial boot under ``accelerator`` failed; ``output`` is what QEMU printed."""
        ...

    @property
    def boot_id(self) -> str:
        """Changes when the host's kernel changes: a verdict about an accelerator does not outlive that."""
        ...

    def qemu_folders(self) -> tuple[Path, ...]:
        """Where QEMU is usually installed, besides the PATH."""
        ...

    def program_name(self, name: str) -> str:
        """The file name of the program ``name`` (``.exe`` on Windows)."""
        ...

    def installer(self, programs: Sequence[str]) -> Installer | None:
        """The package manager of this system and the command that installs ``programs``; blocks for seconds.

        :param programs: names of QEMU's programs, ``virtiofsd``, ``docker``.
        :return: None where there is no package manager that is known to have packages of all of them.
        """
        ...

    def default_home(self) -> Path:
        """The folder of this user's installation, unless SLIPWAY_HOME points elsewhere."""
        ...

    @property
    def default_docker_socket(self) -> Path:
        """Where the docker command looks for an engine when nothing names one."""
        ...

    @property
    def offers_default_docker_socket(self) -> bool:
        """Whether a program of this user may listen there; elsewhere only the administrator's may."""
        ...

    @property
    def no_windows_containers(self) -> str:
        """Why containers of Windows cannot run here, in a few words; empty where they can."""
        ...

    def paths(self) -> Paths:
        """The folders of this installation: the defaults, or where SLIPWAY_HOME and SLIPWAY_CACHE point."""
        ...

    def free_bytes(self, path: Path) -> int:
        """Bytes this user may still write to the file system of ``path`` (which need not exist yet)."""
        ...

    def name_servers(self, name: str) -> tuple[str, ...]:
        """The name servers the host asks about ``name`` at this moment, best first; may block."""
        ...

    def proxies(self, environment: Mapping[str, str]) -> Proxies:
        """The proxy this user's programs are to use now; may block.

        :param environment: of such a program; its variables go before the desktop's setting.
        """
        ...

    def certificates(self, files: OptionalFiles) -> list[bytes]:
        """The certificates (DER) the host trusts, Mozilla's among them or not; may block.

        :param files: reads them where they are files.
        """
        ...

    def spawn_flags(self) -> dict[str, bool | int]:
        """Keyword arguments for ``subprocess.Popen`` which make a child outlive us and ignore our terminal."""
        ...

    def keep_open(self, descriptor: int) -> dict[str, tuple[int, ...]]:
        """Keyword arguments for ``subprocess.Popen`` with which a child has an open file too, and the lock on it.

        None on Windows, where a lock belongs to its process.
        """
        ...

    def birth(self, pid: int) -> str | None:
        """An identity of the process ``pid`` that no later process with that number has, or None when it is gone.

        It does not change when the host's clock does.
        """
        ...

    def make_private(self, path: Path) -> None:
        """Let only this user, administrators and the system open a file, or a folder and what is made in it.

        :raise OSError: that is not allowed.
        """
        ...

    def is_private(self, path: Path) -> bool:
        """Whether other users, administrators and the system apart, have no access to a file, folder or socket.

        :raise OSError: that is not told.
        """
        ...

    @property
    def is_root(self) -> bool:
        """Whether this user may do anything here."""
        ...

    def file_servers(self) -> tuple[Path, ...] | None:
        """Programs that may be a virtiofsd, best first; None where there can be none."""
        ...

    def listen_and_connect(self, path: Path) -> tuple[socket.socket, socket.socket]:
        """A listening local socket and a connection to it; ``path`` serves for a moment only.

        :raise OSError: it cannot be made.
        """
        ...

    def open_folder(self, path: bytes) -> int:
        """A descriptor of the folder ``path`` (absolute), for other calls' ``dir_fd``.

        :raise OSError: it cannot be opened, or a part of its path is a symbolic link.
        """
        ...

    def make_channels(self, channels: Sequence[Path], keys: Path) -> Channels:
        """Make way for the channels of a QEMU that is about to start; blocks.

        :param keys: the folder for their key, where they need one.
        :raise OSError: the run folder cannot be written to.
        """
        ...

    async def connect_local(self, path: Path, protocol: asyncio.BaseProtocol, *, of_system: bool = False) -> None:
        """Connect a protocol to a local socket (on Windows, a named pipe).

        :param of_system: whether the server of a pipe may be a service of the system's; else it has to be ours.
        :raise OSError: nothing listens there.
        :raise HostError: another user's program listens at the pipe.
        """
        ...

    async def connect(
        self, path: Path, *, of_anyone: bool = False
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to one of QEMU's channels, or to a local socket of ours (on Windows, a named pipe).

        :param of_anyone: whether the server of a pipe may be another user's, since every user can make a pipe of
            any name. Otherwise the server's user is looked up before anything is sent.
        :raise OSError: nothing listens there.
        :raise HostError: another user's program does.
        :raise ChannelOccupied: another program does, or its client keeps us out.
        """
        ...
