"""Virtiofs: which server of folders the host has, and one process of it for each folder of a machine.

virtiofsd comes in two kinds: the one in Rust (https://gitlab.com/virtio-fs/virtiofsd), which any user can run, and
the one in C that QEMU had until 7.2, which needs root. Either ends when QEMU's connection to it does. That
connection is made here and handed to both, so that a start that is cut short leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import logging
import re
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

import psutil

from vm.errors import MachineError
from vm.host import Host
from vm.host.paths import Paths
from vm.qemu.process import QemuProcess
from vm.qemu.record import Record
from vm.spec import FileServer, MachineSpec, Share

log = logging.getLogger(__name__)

NAME = "virtiofsd"
VERSION_SECONDS = 20.0
END_SECONDS = 3.0
"""For a server to end once QEMU has; it takes some milliseconds."""


@dataclass(frozen=True)
class Found:
    """A program that may be virtiofsd, and what it says of its version."""

    path: Path
    version: str


def choose(found: Sequence[Found], *, root: bool) -> FileServer | None:
    """The first of these that this user can run: QEMU's own is for root only, Rust's does from version 1.0 on."""
    for item in found:
        match = re.search(r"virtiofsd (?:version )?(\d+)\.\d+", item.version)
        rust = "QEMU" not in item.version
        if match and (int(match[1]) >= 1 if rust else root):
            return FileServer(item.path, rust)
    return None


def find(host: Host) -> tuple[FileServer | None, str]:
    """The server to use on the host; or none, and why. Runs the candidates, each of which takes some 10 ms."""
    candidates = host.file_servers()
    if candidates is None:
        return None, ""
    found = [Found(path, _version(path)) for path in candidates]
    server = choose(found, root=host.is_root)
    if server is not None:
        return server, ""
    if found:
        return None, f"{found[0].path} cannot be used by an ordinary user, or is too old"
    return None, f"{NAME} is not installed"


def advice(host: Host) -> str:
    """What would bring a server to use to the host: a command; empty when it has one, or none is known. Blocks."""
    if host.file_servers() is None or find(host)[0] is not None:
        return ""
    installer = host.installer((NAME,))
    return f"install it: {installer.command}" if installer is not None else ""


def _version(path: Path) -> str:
    try:
        done = subprocess.run(
            [path, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=VERSION_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        log.warning("%s does not run: %s", path, error)
        return ""
    return done.stdout + done.stderr


def build_argv(server: FileServer, folder: Path, descriptor: int) -> list[str]:
    """The arguments with which ``server`` serves ``folder`` to who connects to the listening ``descriptor``.

    Nothing is cached in the machine, since programs on the host change files too. The server confines itself
    to the folder, and does without the rights to make devices and to give files away.
    """
    rights = "-mknod:-chown:-setfcap"
    if server.rust:
        options = ["--sandbox=namespace", "--cache=never", "--log-level=warn", f"--modcaps={rights}"]
        return [str(server.path), f"--fd={descriptor}", f"--shared-dir={folder}", *options]
    source = str(folder).replace("\\", "\\\\").replace(",", "\\,")
    words = f"source={source},sandbox=namespace,cache=none,log_level=warn,modcaps={rights}"
    return [str(server.path), "-f", f"--fd={descriptor}", "-o", words]


class Servers:
    """The servers of one start; a context manager that closes what only QEMU and they need.

    :ivar spec: the specification, with the descriptors that QEMU is to inherit.
    :ivar running: by tag, the processes.
    :ivar roots: by tag, the :func:`root_of` the folder they serve, which they hold whatever becomes of its name.
    """

    def __init__(self, spec: MachineSpec, host: Host, paths: Paths) -> None:
        self.spec = spec
        self._host = host
        self._paths = paths
        self._open = ExitStack()
        self.running: dict[str, QemuProcess] = {}
        self.roots: dict[str, list[int]] = {}

    def __enter__(self) -> Servers:
        """:raise MachineError: a server cannot be started."""
        server = self.spec.file_server
        shares = self.spec.shares if server is not None else ()
        with self._open:  # closes on failure
            self.spec = replace(self.spec, shares=tuple(self._serve(server, share) for share in shares if server))
            self._open = self._open.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What QEMU is to inherit."""
        return tuple(share.descriptor for share in self.spec.shares)

    def _serve(self, server: FileServer, share: Share) -> Share:
        try:
            listener, connection = self._host.listen_and_connect(self._paths.share_socket)
        except OSError as error:
            raise MachineError("The server of shared folders cannot be reached", detail=str(error)) from error
        self.roots[share.tag] = root_of(share.folder)
        with listener:
            self._open.enter_context(connection)
            argv = build_argv(server, share.folder, listener.fileno())
            output = self._paths.logs / f"{NAME}-{len(self.running)}.log"
            process = QemuProcess.spawn(argv, self._host, output, (listener.fileno(),), NAME)
        self.running[share.tag] = process
        return replace(share, descriptor=connection.fileno())


def root_of(folder: Path) -> list[int]:
    """The identity of a folder, device and inode; empty when there is none now. Reads the disk."""
    try:
        st = folder.stat()
    except OSError:
        return []
    return [st.st_dev, st.st_ino]


class ServerState(StrEnum):
    """Why a server does not answer, in words."""

    SUSPENDED = "its server was suspended, and has been woken"
    DISK = "its server waits for the host's disk"
    HANGS = "its server hangs"


def probe_server(record: Record, tag: str, host: Host) -> ServerState:
    """Find out why a folder's server does not answer, and wake it if somebody has suspended it."""
    pid, birth = record.shares.get(tag, (0, ""))
    family = _family(pid) if birth and host.birth(pid) == birth else []
    try:
        suspended = [one for one in family if one.status() in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)]
        for one in suspended:
            log.warning("waking %s %d, which is suspended", NAME, one.pid)
            one.resume()
        if suspended:
            return ServerState.SUSPENDED
        threads = [psutil.Process(thread.id) for one in family for thread in one.threads()]
        if any(thread.status() == psutil.STATUS_DISK_SLEEP for thread in threads):
            return ServerState.DISK
    except psutil.Error as error:  # it, or a thread of it, is gone meanwhile
        log.info("looking at %s: %s", NAME, error)
    return ServerState.HANGS


def _family(pid: int) -> list[psutil.Process]:
    """A server's process, and those below it, one of which does the work."""
    try:
        server = psutil.Process(pid)
        return [server, *server.children(recursive=True)]
    except psutil.Error:
        return []


def find_servers(record: Record, host: Host) -> dict[str, QemuProcess]:
    """The servers of a QEMU that another supervisor started."""
    found = {tag: QemuProcess.find(pid, birth, host, NAME) for tag, (pid, birth) in record.shares.items()}
    return {tag: process for tag, process in found.items() if process is not None}


async def end_servers(servers: Mapping[str, QemuProcess]) -> None:
    """See that they end, as they do by themselves when QEMU has."""
    for server in servers.values():
        if not await server.wait(END_SECONDS):
            log.warning("%s %d outlives QEMU", NAME, server.pid)
            await _end(server)


async def end_server(record: Record, tag: str, host: Host) -> None:
    """End a server that hangs, at once; its machine notices, and cannot go on.

    :raise MachineError: it cannot be ended.
    """
    pid, birth = record.shares.get(tag, (0, ""))
    server = QemuProcess.find(pid, birth, host, NAME)
    if server is not None:
        await _end(server)


async def release(record: Record, tag: str, paths: Paths, host: Host) -> None:
    """End the server of a folder that is no longer served; the folder must not be in use in the machine.

    :raise MachineError: it cannot be ended.
    """
    pid, birth = record.shares.pop(tag, (0, ""))
    record.roots.pop(tag, None)
    record.write(paths.qemu_record)
    server = QemuProcess.find(pid, birth, host, NAME)
    if server is not None:
        await _end(server)


async def _end(server: QemuProcess) -> None:
    for one in await asyncio.to_thread(_family, server.pid):
        with suppress(psutil.Error):  # it has ended meanwhile
            one.kill()
    await server.kill()
