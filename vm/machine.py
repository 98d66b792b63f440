"""Machine: one Linux machine's life, and the only writer of its state.

    STOPPED ─start─► STARTING ─► RUNNING ⇄ PAUSED       a start that is cancelled:  STARTING ► STOPPING ► STOPPED
       ▲                │           │         │         a start that fails:         STARTING ► FAILED
       └── STOPPING ◄───┴───────────┴─────────┘         QEMU ends by itself:        RUNNING ► FAILED
    adopt() goes the way of start() with a QEMU that runs already.

Failure always lands in FAILED with its cause in :attr:`Machine.failure`, and never leaves a QEMU behind.
Cancellation is passed on as it is. Everything happens in one event loop. How a machine comes up is in vm/boot.py,
how it pauses and shuts down in vm/power.py; vm/watch.py notices what happens to it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

from vm import power
from vm.boot import Boot, Progress, RetryHook, Stage, StageHook
from vm.connector import DialSsh
from vm.disk import GIB, DataDisk
from vm.errors import DiskError, LinkError, MachineError, UserError
from vm.guest.control import Asked, GuestStage
from vm.guest.memory import GuestMemory, ask_memory
from vm.guest.ssh import SshLink
from vm.guest.stream import Link
from vm.host import Host
from vm.host.paths import Paths
from vm.launch import PortChooser, free_port
from vm.probe import Hop, probe
from vm.qemu.command import DATA_NODE
from vm.qemu.process import tail
from vm.qemu.record import Record, find_record
from vm.session import Session, discard
from vm.shielded import shielded
from vm.spec import MachineSpec
from vm.state import TRANSITIONS, MachineState, StateError
from vm.watch import Reports, Watch

log = logging.getLogger(__name__)

STOPPED, STARTING, RUNNING = MachineState.STOPPED, MachineState.STARTING, MachineState.RUNNING
PAUSED, STOPPING, FAILED = MachineState.PAUSED, MachineState.STOPPING, MachineState.FAILED

GROW_SECONDS = 300.0
"""For the guest to enlarge its file system."""

WAKE_SECONDS = 10.0
"""For the guest to answer after the host has slept."""

StateHook = Callable[[MachineState, MachineState], None]
LinkHook = Callable[[Link | None], None]


class Machine:
    """The machine of one installation.

    :param dial: opens the SSH link.    :param choose_port: names a free port of 127.0.0.1.
    :ivar failure: why the machine is FAILED, or held in PAUSED; None otherwise.
    :ivar changed: called in the event loop with (old, new) after each change of state.
    :ivar asked: called with each request of the guest: its word and what follows (see vm/guest/control.py).
    :ivar link_changed: called with the new link after a reconnect, and with None when the link was lost.
    """

    def __init__(
        self, paths: Paths, host: Host, *, dial: DialSsh = SshLink.connect, choose_port: PortChooser = free_port
    ) -> None:
        self._paths = paths
        self._host = host
        self._dial = dial
        self._choose_port = choose_port
        self._disk = DataDisk(paths.data_disk, host)
        self._state = STOPPED
        self._boot: Boot | None = None
        self._link: Link | None = None
        self._follow_ups: set[asyncio.Task[None]] = set()
        reports = Reports(self._process_ended, self._held, self._released, self._link_told, self._time_is_due)
        self._watch = Watch(host, paths.data_disk, reports, self._relink)
        self._ended = asyncio.Event()
        self.failure: UserError | None = None
        self.changed: list[StateHook] = []
        self.link_changed: list[LinkHook] = []
        self.asked: list[Asked] = []

    # -- what it is ---------------------------------------------------------------------------------------------

    @property
    def state(self) -> MachineState:
        """Where the machine is in its life."""
        return self._state

    @property
    def stages(self) -> list[Stage]:
        """The steps of the last start."""
        return list(self._boot.stages) if self._boot is not None else []

    @property
    def link(self) -> Link:
        """The link into the guest.

        :raise StateError: the machine is not running.
        :raise LinkError: it runs, but the link is being made again.
        """
        self._require("be reached", RUNNING)
        if self._link is None or self._link.closed.is_set():
            raise LinkError("The connection to the machine was lost; Slipway is reconnecting")
        return self._link

    @property
    def record(self) -> Record | None:
        """The running QEMU: pid, forwarded SSH port, accelerator, image; None when there is none."""
        return self._session.record if self._session is not None else None

    @property
    def guest_stages(self) -> dict[str, GuestStage]:
        """What the guest itself has reported of this start, by name; failures of the engine's stages too."""
        return dict(self._session.control.stages) if self._session is not None else {}

    @property
    def _session(self) -> Session | None:
        return self._boot.session if self._boot is not None else None

    def console_tail(self, limit: int = 3000) -> str:
        """The last ``limit`` bytes of the guest's console."""
        return tail(self._paths.console_log, limit)

    async def probe(self) -> list[Hop]:
        """The machine's health, hop by hop: qemu-process, qmp, guest-link. Never raises."""
        return await probe(self._session, self._link)

    # -- starting -----------------------------------------------------------------------------------------------

    async def start(
        self, spec: MachineSpec, on_stage: StageHook | None = None, on_retry: RetryHook | None = None
    ) -> None:
        """Boot ``spec`` and wait until the guest can be reached.

        The keys are made and added to the guest's configuration, and so is the forward to its SSH server.

        :param on_stage: called with each step; with the guest's later stages too, after this has returned.
        :param on_retry: called when the machine crashed or hung while it started and is started again.
        :raise StateError: the machine is neither stopped nor failed.
        :raise UserError: it did not start; the state is FAILED with the same error, and no QEMU is left.
        """
        self._require("start", STOPPED, FAILED)
        await self._bring_up(lambda boot: boot.start(spec), Progress(on_stage, on_retry))

    async def adopt(self, on_stage: StageHook | None = None) -> bool:
        """Take over the QEMU that a previous supervisor left, or clean it up.

        :return: whether the machine is running now; otherwise it is STOPPED and no QEMU is left.
        :raise StateError: the machine is not stopped.
        """
        self._require("adopt", STOPPED)
        record = find_record(self._paths, self._host)
        if record is None:
            return False
        if self._host.birth(record.pid) != record.birth:
            log.info("the QEMU recorded as process %d is gone", record.pid)
            self._paths.qemu_record.unlink(missing_ok=True)
            return False
        log.info("adopting QEMU, process %d", record.pid)
        try:
            await self._bring_up(lambda boot: boot.adopt(record), Progress(on_stage))
        except UserError as error:
            log.warning("QEMU %d could not be adopted: %s %s", record.pid, error.message, error.detail)
            self.failure = None
            self._set(STOPPED)
            return False
        return True

    async def _bring_up(self, work: Callable[[Boot], Awaitable[Link]], progress: Progress) -> None:
        self.failure = None
        self._ended = asyncio.Event()
        boot = self._boot = Boot(
            self._paths,
            self._host,
            self._watch,
            dial=self._dial,
            choose_port=self._choose_port,
            asked=self._guest_asked,
            progress=progress,
        )
        self._set(STARTING)
        try:
            self._link = await work(boot)
        except asyncio.CancelledError:
            self._set(STOPPING)
            try:
                await shielded(self._discard())
            finally:
                self._set(STOPPED)
            raise
        except UserError as error:
            if isinstance(error, MachineError | DiskError):
                error.detail = "\n".join(filter(None, [error.detail, self.console_tail().strip()]))
            await shielded(self._discard())
            self._fail(error)
            raise
        except BaseException as error:
            await shielded(self._discard())
            self._fail(MachineError("The machine could not start: unexpected error", detail=repr(error)))
            raise
        assert boot.session is not None
        self._set(RUNNING)
        self._watch.follow(boot.session, self._link)

    async def _relink(self) -> Link:
        assert self._boot is not None  # there was a link
        return await self._boot.relink()

    # -- stopping -----------------------------------------------------------------------------------------------

    async def stop(self, timeout: float = 30) -> None:
        """Shut the guest down, or end QEMU if it will not: poweroff, then QMP quit, then kill.

        :param timeout: seconds for the guest's own shutdown.
        :raise StateError: already stopped, or a start or stop is under way (cancel the start instead).
        :raise MachineError: QEMU cannot be ended; the state is FAILED.
        """
        self._require("stop", RUNNING, PAUSED, FAILED)
        if self._state is FAILED:
            self.failure = None
            self._set(STOPPED)
            return
        await self._take_down(lambda session: power.shut_down(session, self._paths, timeout))

    async def kill(self) -> None:
        """End QEMU at once; what the guest has not written to its disk yet is lost.

        :raise StateError: nothing runs, or a start or stop is under way.
        :raise MachineError: QEMU cannot be ended; the state is FAILED.
        """
        self._require("be killed", RUNNING, PAUSED)
        await self._take_down(lambda session: discard(session, self._paths))

    async def _take_down(self, end: Callable[[Session], Awaitable[object]]) -> None:
        self._set(STOPPING)
        self.failure = None
        assert self._boot is not None  # RUNNING and PAUSED have one
        assert self._boot.session is not None
        try:
            await self._drop_link()
            await end(self._boot.session)
            self._boot.session = None
        except asyncio.CancelledError:
            try:
                await shielded(self._discard())
            finally:
                self._set(STOPPED)
            raise
        except UserError as error:
            self._fail(error)
            raise
        self._set(STOPPED)

    async def _discard(self) -> None:
        """Leave no link, no QEMU and no record; a QEMU that cannot be ended keeps its record and is logged."""
        await self._drop_link()
        if self._boot is not None:
            await self._boot.discard()

    async def _drop_link(self) -> None:
        await self._watch.stop()
        link, self._link = self._link, None
        if link is not None:
            await link.close()

    # -- while it runs ------------------------------------------------------------------------------------------

    async def pause(self) -> None:
        """Stop the virtual processors; nothing in the guest notices.

        :raise StateError: it is not running.    :raise MachineError: QEMU refused.
        """
        await power.pause(self._running("pause", RUNNING))
        self._set(PAUSED)

    async def resume(self) -> None:
        """Let a paused machine, or one held by a full disk, run again with the right time.

        :raise StateError: it is not paused.    :raise DiskError: the host's disk is still full.
        :raise MachineError: QEMU refused.
        """
        await power.resume(self._running("resume", PAUSED), self._disk)
        self.failure = None
        self._set(RUNNING)
        await self.set_time()

    async def set_time(self) -> None:
        """Give the guest the host's time; a guest that does not answer is only logged."""
        await power.set_time(self._running("take the time", RUNNING))

    def host_woke(self) -> None:
        """The host has slept, or its clock was set: give the guest the time, and see whether the link has held."""
        if self._state is RUNNING:
            self._follow_up(self._check_after_sleep())

    async def _check_after_sleep(self) -> None:
        await self._time_is_due()
        link = self._link
        if link is None or link.closed.is_set():
            return
        try:
            await link.ping(WAKE_SECONDS)
        except LinkError as error:
            log.warning("the link has not outlived the host's sleep: %s", error.message)
            await link.close()  # which makes the Watch open another

    async def memory(self) -> GuestMemory:
        """How much memory the guest has left.

        :raise StateError: the machine is not running.
        :raise MachineError, LinkError: the guest does not answer, or cannot.
        """
        return await ask_memory(self._running("be asked for its memory", RUNNING).control.command)

    async def answer(self, line: str) -> None:
        """Send the guest a line, such as the answer to a request.

        :raise LinkError: it cannot be reached, or there is no machine.
        """
        if self._session is None:
            raise LinkError("The machine does not run", detail=line)
        await self._session.control.send(line)

    async def grow_disk(self, size_gib: int) -> None:
        """Enlarge the data disk and the file system on it, whether the machine runs or not; nothing is lost.

        :raise DiskError: smaller than the present size, or out of bounds.
        :raise MachineError: the guest could not enlarge its file system; it tries again at its next start.
        :raise StateError: a start or stop is under way.
        """
        self._require("grow its disk", STOPPED, FAILED, RUNNING)
        if self._state is not RUNNING:
            await self._disk.grow(size_gib)
            return
        session = self._running("grow its disk", RUNNING)
        self._disk.require_growth((await self._disk.info()).virtual_size, size_gib)
        await self.execute("block_resize", {"node-name": DATA_NODE, "size": size_gib * GIB})
        await session.control.command("grow", GROW_SECONDS)

    async def wait_exit(self) -> UserError | None:
        """Wait until the machine has ended by itself; the cause is what :attr:`failure` holds."""
        await self._ended.wait()
        return self.failure

    async def execute(self, command: str, arguments: Mapping[str, object] | None = None) -> Any:
        """Run a QMP command. :raise MachineError: no QEMU runs; see :meth:`vm.qemu.monitor.Monitor.execute`."""
        if self._session is None:
            raise MachineError("The machine does not run", detail=command)
        return await self._session.monitor.execute(command, arguments)

    # -- what Watch reports, and the guest asks -------------------------------------------------------------------

    def _follow_up(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._follow_ups.add(task)  # the loop itself holds no reference to it
        task.add_done_callback(self._follow_ups.discard)

    def _process_ended(self) -> None:
        self._follow_up(self._end_badly())

    async def _end_badly(self) -> None:
        boot = self._boot
        if boot is None or boot.session is None or self._state not in (RUNNING, PAUSED):
            return
        cause = boot.explain_end(boot.session)
        log.error("%s", cause.message)
        log.debug("%s", cause.detail)  # the logs of QEMU and of the console are kept
        await shielded(self._discard())
        self._fail(cause)

    def _held(self, cause: DiskError) -> None:
        if self._state is not RUNNING:
            return
        log.error("%s (%s)", cause.message, cause.detail)
        self.failure = cause
        self._set(PAUSED)

    def _released(self) -> None:
        if self._state is PAUSED:
            self._follow_up(self._go_on())

    async def _go_on(self) -> None:
        try:
            await self.resume()
        except UserError as error:
            log.warning("the machine could not go on: %s", error.message)

    def _link_told(self, link: Link | None) -> None:
        self._link = link
        for hook in list(self.link_changed):
            hook(link)

    async def _time_is_due(self) -> None:
        if self._state is RUNNING:
            await self.set_time()

    def _guest_asked(self, word: str, rest: str) -> None:
        for hook in list(self.asked):
            hook(word, rest)

    # -- the one writer of the state ----------------------------------------------------------------------------

    def _require(self, action: str, *states: MachineState) -> None:
        if self._state not in states:
            raise StateError(action, self._state, frozenset(states))

    def _running(self, action: str, state: MachineState) -> Session:
        """The session of a machine in ``state``, RUNNING or PAUSED. :raise StateError: it is in another one."""
        self._require(action, state)
        assert self._session is not None  # these states have one
        return self._session

    def _fail(self, cause: UserError) -> None:
        self.failure = cause
        self._set(FAILED)
        self._ended.set()

    def _set(self, new: MachineState) -> None:
        old = self._state
        if new not in TRANSITIONS[old]:
            raise AssertionError(f"no way from {old} to {new}")
        self._state = new
        log.info("machine: %s → %s", old, new)
        for hook in list(self.changed):
            hook(old, new)
