"""Looking into the engines: their logs, and how the system's ``ssh`` reaches the guest."""

from __future__ import annotations

import asyncio
import shlex

from desktop.control.schema import LogPart, SshReport
from desktop.supervisor.context import GuestAccess
from desktop.supervisor.engines.windows import WindowsEngine
from engine.linux import GUEST_LOGS
from vm.errors import MachineError
from vm.guest.keys import ensure_keys, write_known_hosts
from vm.host.paths import Paths

SOURCES = ("dockerd", "containerd", "sshd")
WINDOWS = "windows"
"""The log of the engine for Windows containers."""

CHUNK = 1024 * 1024
"""Bytes of a log that one call returns at most."""

SIZE_SECONDS, READ_SECONDS = 30.0, 60.0


class GuestLogs:
    """Of the machine that runs, and of the engine for Windows containers.

    :param windows: None where there can be none.
    """

    def __init__(self, paths: Paths, guest: GuestAccess, windows: WindowsEngine | None) -> None:
        self._keys = paths.keys
        self._guest = guest
        self._windows = windows

    async def read(self, source: str, offset: int) -> LogPart:
        """A log from byte ``offset`` on, and the next offset; a file that was rotated begins at 0 again.

        That of the engine for Windows containers goes on after the record of that number in Windows' event log.

        :raise UserError: no such log, or the machine is not running.
        """
        if source == WINDOWS and self._windows is not None:
            part = await self._windows.service.log(offset)
            return LogPart(part.text, part.next)
        if source not in SOURCES:
            raise MachineError(f"There is no log “{source}” here", f"There are: {', '.join(SOURCES)}.")
        path = shlex.quote(f"{GUEST_LOGS}/{source}/current")
        size = await self._guest.link.run(f"stat -c %s {path}", timeout=SIZE_SECONDS)
        if size.exit_code != 0:
            raise MachineError(f"The log of {source} cannot be read", detail=size.stderr.decode(errors="replace"))
        offset = offset if 0 <= offset <= int(size.stdout) else 0
        command = f"tail -c +{offset + 1} {path} | head -c {CHUNK}"
        text = (await self._guest.link.run(command, timeout=READ_SECONDS)).stdout
        return LogPart(text.decode(errors="replace"), offset + len(text))

    async def ssh(self) -> SshReport:
        """How the system's ssh reaches the guest, with both keys pinned.

        :raise MachineError: the machine is not running.
        """
        record = self._guest.record
        if record is None or not self._guest.running:
            raise MachineError("The machine is not running", "Start it: slipway start")
        keys = await asyncio.to_thread(ensure_keys, self._keys)
        known_hosts = self._keys / "known_hosts"
        await asyncio.to_thread(write_known_hosts, known_hosts, keys.host_public, record.ssh_port)
        return SshReport("127.0.0.1", record.ssh_port, "root", str(keys.client_private), str(known_hosts))
