"""Connects to the guest of a running QEMU: waits for its stages, then opens the fast link, or else SSH."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from vm.errors import LinkError
from vm.guest.clock import SpeedCheck
from vm.guest.keys import Keys
from vm.guest.link import FastLink
from vm.guest.readiness import EMULATION_FACTOR, LINK_DEADLINE, SSH_DEADLINE, Readiness
from vm.guest.stream import Link
from vm.host import Host
from vm.qemu.work_clock import WorkClock
from vm.session import END_SECONDS, Session
from vm.spec import Accelerator

log = logging.getLogger(__name__)


class DialSsh(Protocol):
    """What opens the SSH link; :meth:`vm.guest.ssh.SshLink.connect`, or a stand-in in tests."""

    def __call__(
        self, host: str, port: int, *, user: str, key: Path, host_key: Path, timeout: float
    ) -> Awaitable[Link]: ...


@dataclass
class GuestConnector:
    """Opens links into one guest.

    :ivar dial: opens SSH links, used when there is no fast one.
    :ivar factor: stretches every deadline; emulation is slow.
    """

    host: Host
    dial: DialSsh
    keys: Keys
    factor: float
    readiness: Readiness = field(init=False)

    def __post_init__(self) -> None:
        self.readiness = Readiness(self.factor)

    @classmethod
    def for_accelerator(cls, host: Host, dial: DialSsh, keys: Keys, accelerator: Accelerator) -> GuestConnector:
        """The connector of a guest that runs under ``accelerator``."""
        return cls(host, dial, keys, EMULATION_FACTOR if accelerator is Accelerator.TCG else 1.0)

    async def connect(self, session: Session) -> Link:
        """Open a link: the fast one, else SSH with both keys pinned.

        :raise LinkError: neither can be opened in time.
        :raise StageTimeout: the guest's SSH server is needed and does not start.
        """
        if session.record.link_socket:
            path = Path(session.record.link_socket)
            try:
                return await FastLink.connect(self.host, path, session.control, LINK_DEADLINE * self.factor)
            except LinkError as error:
                log.warning("no fast link, SSH has to do: %s %s", error.message, error.detail)
                await self.readiness.wait("sshd")
        return await self.dial(
            "127.0.0.1",
            session.record.ssh_port,
            user="root",
            key=self.keys.client_private,
            host_key=self.keys.host_public,
            timeout=SSH_DEADLINE * self.factor,
        )

    async def first(self, session: Session, speed: SpeedCheck | None = None) -> Link | None:
        """Wait until the guest is up and connect; None when QEMU ended meanwhile.

        :param speed: is begun with the guest's first stage.
        :raise StageTimeout, MachineError, DiskError: see :meth:`vm.guest.readiness.Readiness.wait`.
        :raise LinkError: see :meth:`connect`.
        """
        clock = WorkClock(session.process.cpu_seconds)

        async def work() -> Link:
            await self.readiness.wait("init", clock)
            if speed is not None:
                await speed.begin(session.control.command)
            await self.readiness.wait("services" if session.record.link_socket else "sshd", clock)
            return await self.connect(session)

        working = asyncio.create_task(work(), name="connect to the guest")
        waiting: list[asyncio.Future[Any]] = [working, session.process.exited]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            broken = working.done() and working.exception() is not None
            if session.process.exited.done() or (broken and await session.process.wait(END_SECONDS)):
                return None
            return await working
        finally:
            working.cancel()
            await asyncio.wait([working])
            if not working.cancelled():
                working.exception()  # QEMU's end explains it better
