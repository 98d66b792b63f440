"""Starts the SFTP daemon when it does not run yet, and connects to it."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess

from engine.endpoint.local import LocalStream
from vm.errors import HostError
from vm.host import Host, programs
from vm.host.paths import Paths

SOCKET_DAEMON, PIPE_DAEMON = "engine.folders.sftp_daemon", "engine.folders.sftp_daemon_windows"

START_SECONDS = 20.0
"""How long the daemon may take to listen; it takes half a second."""


class DaemonProcess:
    """The SFTP daemon of one installation."""

    def __init__(self, paths: Paths, host: Host) -> None:
        self._paths = paths
        self._host = host
        self._starting = asyncio.Lock()

    async def connect(self) -> LocalStream:
        """A connection to the daemon, which is started when nothing listens there.

        :raise HostError: it does not start.
        """
        async with self._starting:
            with contextlib.suppress(OSError):
                return await self._connect()
            process = self._spawn()
            try:
                async with asyncio.timeout(START_SECONDS):
                    while process.poll() is None:
                        with contextlib.suppress(OSError):
                            return await self._connect()
                        await asyncio.sleep(0.02)
            except TimeoutError:
                process.kill()
            raise HostError("the server of shared folders does not start", "", str(self._paths.folders_log))

    async def _connect(self) -> LocalStream:
        stream = LocalStream(lambda _: None)
        await self._host.connect_local(self._paths.folders_socket, stream)
        return stream

    def _spawn(self) -> subprocess.Popen[bytes]:
        return programs.start(
            SOCKET_DAEMON if self._paths.pipes is None else PIPE_DAEMON,
            str(self._paths.folders_socket),
            flags=self._host.spawn_flags(),
            output=self._paths.folders_log,
        )
