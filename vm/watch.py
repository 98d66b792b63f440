"""Looking after a running machine: its end, its link, its clock, and what QEMU says about it.

:class:`Watch` notices and reports; what follows from it is decided by :class:`vm.machine.Machine`, the one writer
of the state, through the :class:`Reports` it gives.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vm.disk import HEADROOM
from vm.errors import DiskError, FolderServerEnded, LinkError, MachineError, StageTimeout
from vm.guest.clock import keep_time
from vm.guest.stream import Link
from vm.host import Host
from vm.qemu.failures import LastWords, is_crash
from vm.qemu.monitor import Monitor
from vm.qemu.process import QemuProcess, describe_exit
from vm.session import Session

log = logging.getLogger(__name__)

POLL_SECONDS = 2.0
"""Between attempts at what nothing announces: the link's return, free space on the host."""

FLUSH = "sync -f /var/lib/slipway"
FLUSH_SECONDS = 10.0
"""For the guest to write what it has to its disk, before the machine is ended under it."""

HOPELESS = ("internal-error", "guest-panicked")
"""QEMU's run states (qapi/run-state.json) from which a machine does not come back."""


@dataclass(frozen=True)
class Reports:
    """What a Watch calls, in the event loop; none of them may wait for the Watch, which :meth:`Watch.stop` does.

    :ivar ended: the QEMU process is gone.
    :ivar held: QEMU paused the machine because its disk cannot be written.
    :ivar released: there is space again.
    :ivar link: the link was lost (None), or is back.
    :ivar time: the guest should be given the time.
    """

    ended: Callable[[], None]
    held: Callable[[DiskError], None]
    released: Callable[[], None]
    link: Callable[[Link | None], None]
    time: Callable[[], Awaitable[None]]


class Watch:
    """The tasks that look after one session.

    :param relink: opens a new link.
    :ivar last_words: what is known of QEMU's end before it ends; None when that is nothing.
    """

    def __init__(self, host: Host, disk: Path, reports: Reports, relink: Callable[[], Awaitable[Link]]) -> None:
        self._host = host
        self._disk = disk
        self._reports = reports
        self._relink = relink
        self._tasks: list[asyncio.Task[None]] = []
        self._holding = False
        self.last_words: LastWords | None = None

    def follow(self, session: Session, link: Link) -> None:
        """Begin to look after a machine that has just come up."""
        self._spawn(self._follow_process(session), "watch qemu")
        for tag, server in session.servers.items():
            self._spawn(self._follow_server(session, link, tag, server), f"watch the server of {tag}")
        self._spawn(self._follow_link(link), "watch the link")
        self._spawn(keep_time(self._reports.time), "keep the time")

    async def stop(self) -> None:
        """End all watching. Idempotent."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def event(
        self, monitor: Monitor, kill: Callable[[], Awaitable[None]], name: str, data: Mapping[str, Any]
    ) -> None:
        """Take note of a QMP event (qapi/run-state.json, qapi/block-core.json).

        :param kill: ends QEMU when it has given the machine up.
        """
        if name == "BLOCK_IO_ERROR" and data.get("action") == "stop" and not self._holding:
            self._spawn(self._hold(bool(data.get("nospace")), str(data.get("reason", ""))), "hold")
        elif name == "RESUME":
            self._spawn(self._set_time(), "set the time")
        elif name == "STOP":
            self._spawn(self._ask_why(monitor, kill), "ask why it stopped")
        elif name == "SHUTDOWN" and data.get("guest"):
            reset = data.get("reason") == "guest-reset"
            text = "the machine's kernel restarted itself" if reset else "the machine shut itself down"
            self.last_words = LastWords(text)

    async def _set_time(self) -> None:
        await self._reports.time()

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._tasks = [task for task in self._tasks if not task.done()]
        self._tasks.append(asyncio.create_task(work, name=name))

    async def _follow_process(self, session: Session) -> None:
        await asyncio.wait([session.process.exited])
        self._reports.ended()

    async def _follow_server(self, session: Session, link: Link, tag: str, server: QemuProcess) -> None:
        """End the machine when a folder's server has died: what accesses that folder would wait forever."""
        await asyncio.wait([server.exited])
        if tag not in session.record.shares:
            return  # it is no longer needed
        code = server.exited.result()
        words = LastWords(
            f"the server of a shared folder ended ({server.name}, {describe_exit(code)})", FolderServerEnded
        )
        if is_crash(code):  # else it may have ended because QEMU did
            self.last_words = words
        if await session.process.wait(POLL_SECONDS):
            return
        self.last_words = words
        try:
            await link.run(FLUSH, timeout=FLUSH_SECONDS)
        except LinkError as error:
            log.warning("what the machine has not written yet is lost: %s", error.message)
        await session.process.kill()

    async def _follow_link(self, link: Link) -> None:
        while True:
            await link.closed.wait()
            log.info("the link into the machine broke")
            self._reports.link(None)
            link = await self._return_of_link()
            log.info("the link into the machine is back")
            self._reports.link(link)

    async def _return_of_link(self) -> Link:
        while True:
            try:
                return await self._relink()
            except (LinkError, StageTimeout) as error:
                log.info("the link is not back yet: %s", error.message)
            await asyncio.sleep(POLL_SECONDS)

    async def _hold(self, nospace: bool, reason: str) -> None:
        self._holding = True
        try:
            if not nospace:
                hint = "Check your computer's disk and the system log, then resume: slipway start"
                self._reports.held(
                    DiskError("The data disk cannot be written: the machine is paused", hint, reason)
                )
                return
            hint = "Free some space. The machine then resumes; nothing is lost."
            self._reports.held(DiskError("The disk of your computer is full: the machine is paused", hint, reason))
            # nothing announces free space
            while self._host.free_bytes(self._disk) < HEADROOM:
                await asyncio.sleep(POLL_SECONDS)
            self._reports.released()
        finally:
            self._holding = False

    async def _ask_why(self, monitor: Monitor, kill: Callable[[], Awaitable[None]]) -> None:
        """The processors stopped: find out whether QEMU gave the machine up."""
        try:
            status = str((await monitor.execute("query-status")).get("status"))
        except MachineError as error:
            log.warning("%s %s", error.message, error.detail)
            return
        if status in HOPELESS:
            self.last_words = LastWords(f"QEMU ended the machine ({status})")
            await kill()  # its end is reported by the task that waits for it
