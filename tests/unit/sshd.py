"""A real OpenSSH server for tests: its own configuration, keys and free port, run by the current user."""

from __future__ import annotations

import asyncio
import getpass
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.localhost import free_port
from vm.errors import LinkError
from vm.guest.ssh import SshLink

CONFIG = """\
{extra}
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/client.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
AllowStreamLocalForwarding yes
AllowTcpForwarding local
LogLevel ERROR
"""


@dataclass
class Sshd:
    """A running server: what a client needs to get in."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def key(self) -> Path:
        return self.folder / "client"

    @property
    def host_key(self) -> Path:
        return self.folder / "host.pub"

    def log(self) -> str:
        """What it has written so far."""
        return (self.folder / "log").read_text()

    def signal(self, number: int) -> None:
        """Send a signal to every process that serves a connection; one that is just ending may be gone."""
        for child in self._children():
            with suppress(psutil.NoSuchProcess):
                child.send_signal(number)

    def _children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def _stopped(self) -> bool:
        children = self._children()
        for child in children:
            with suppress(psutil.NoSuchProcess):
                if child.status() not in (psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE):
                    return False
        return children == self._children()

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """Nothing of the server runs but its listener."""
        while not self._stopped():  # one that is about to stop may start another before
            self.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.signal(signal.SIGCONT)

    async def link(self, *, key: Path | None = None, host_key: Path | None = None, timeout: float = 20) -> SshLink:
        return await SshLink.connect(
            "127.0.0.1",
            self.port,
            user=getpass.getuser(),
            key=key or self.key,
            host_key=host_key or self.host_key,
            timeout=timeout,
        )


def make_key(path: Path) -> Path:
    """An ed25519 pair at ``path`` and ``path.pub``."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


@asynccontextmanager
async def running_sshd(extra: str = "") -> AsyncIterator[Sshd]:
    """Start a server with ``extra`` lines of configuration, and end it."""
    program = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.fail("These tests need OpenSSH's server: install the package openssh-server.")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # root's sshd insists on it
    folder = Path(tempfile.mkdtemp(prefix="slipway-sshd-"))
    make_key(folder / "host")
    make_key(folder / "client")
    port = free_port()
    (folder / "config").write_text(CONFIG.format(port=port, folder=folder, extra=extra))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, "-D", "-e", "-f", str(folder / "config")], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        await _listening(port, process, folder / "log")
        yield Sshd(folder, port, process)
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder)


@asynccontextmanager
async def linked(extra: str = "") -> AsyncIterator[SshLink]:
    """A server and one link to it."""
    async with running_sshd(extra) as server:
        link = await server.link()
        try:
            yield link
        finally:
            await link.close()


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def unix_server(handler: Handler) -> AsyncIterator[str]:
    """A small server at a Unix socket: stands for whatever listens inside the guest. Yields the path."""
    folder = Path(tempfile.mkdtemp(prefix="slw-"))
    path = str(folder / "s")
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await handler(reader, writer)
        except ConnectionError:
            pass  # the other side left, which several tests do on purpose
        finally:
            writer.close()
            tasks.discard(task)

    server = await asyncio.start_unix_server(serve, path, backlog=1024)
    try:
        yield path
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        shutil.rmtree(folder)


async def eventually(check: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until ``check()`` holds, where no event reports it; fails by TimeoutError."""
    async with asyncio.timeout(seconds):
        while not check():  # what is waited for has no event: another process, the kernel
            await asyncio.sleep(0.01)


async def _listening(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                if process.poll() is not None:
                    pytest.fail(f"sshd did not start: {log.read_text()}")
                await asyncio.sleep(0.02)  # no event reports when another process begins to listen
            else:
                writer.close()
                await writer.wait_closed()
                return


def fail_if_alive(link: SshLink) -> None:
    """Assert that the link has ended and says why."""
    assert link.closed.is_set()
    assert isinstance(link.failure, LinkError)
