"""Machine: one Linux machine's life, and the only writer of its state.

    STOPPED ─start─► STARTING ─► RUNNING ⇄ PAUSED       a start that is cancelled:  STARTING ► STOPPING ► STOPPED
       ▲                │           │         │         a start that fails:         STARTING ► FAILED
       └── STOPPING ◄───┴───────────┴─────────┘         QEMU ends by itself:        RUNNING ► FAILED
    adopt() goes the way of start() with a QEMU that runs already.

Failure always lands in FAILED with its cause in :attr:`Machine.failure`, and never leaves a QEMU behind.
Cancellation is passed on as it is. Everything happens in one event loop. Watching is vm/watch.py's part, starting
and ending a QEMU is vm/launch.py's.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from typing import Any

from vm.connector import DialSsh, GuestConnector
from vm.disk import GIB, DataDisk
from vm.errors import DiskError, KernelCrash, LinkError, MachineError, UserError
from vm.guest.clock import synchronise
from vm.guest.control import Asked, GuestStage
from vm.guest.keys import ensure_keys
from vm.guest.ssh import SshLink
from vm.guest.stream import Link
from vm.host import Host
from vm.host.paths import Paths
from vm.launch import PortChooser, Session, attach, discard, end_orphan, explain_end, free_port, launch, shut_down
from vm.probe import Hop, probe
from vm.qemu.command import DATA_NODE
from vm.qemu.process import Record, tail
from vm.shielded import shielded
from vm.spec import Accelerator, MachineSpec
from vm.state import TRANSITIONS, MachineState, StateError
from vm.watch import Reports, Watch

log = logging.getLogger(__name__)

STOPPED, STARTING, RUNNING = MachineState.STOPPED, MachineState.STARTING, MachineState.RUNNING
PAUSED, STOPPING, FAILED = MachineState.PAUSED, MachineState.STOPPING, MachineState.FAILED

ADOPTION_SECONDS = 5.0
"""For an orphaned QEMU to answer on its monitor; one that does not is ended."""

GROW_SECONDS = 300.0
"""For the guest to enlarge its file system."""


@dataclass(frozen=True)
class Stage:
    """A timed step of a start.

    :ivar seconds: since the start began.    :ivar took: since the step before.
    """

    name: str
    seconds: float
    took: float


StateHook = Callable[[MachineState, MachineState], None]
StageHook = Callable[[Stage], None]
LinkHook = Callable[[Link | None], None]


class Machine:
    """The machine of one installation.

    :param dial: opens the SSH link.    :param choose_port: names a free port of 127.0.0.1.
    :ivar failure: why the machine is FAILED, or held in PAUSED; None otherwise.
    :ivar changed: called in the event loop with (old, new) after each change of state.
    :ivar asked: called with each request of the guest's: its word and what follows (see vm/guest/control.py).
    :ivar link_changed: called with the new link after a reconnect, and with None when the link was lost.
    :ivar stages: the steps of the last start.
    """

    def __init__(
        self, paths: Paths, host: Host, *, dial: DialSsh = SshLink.connect, choose_port: PortChooser = free_port
    ) -> None:
        self._paths = paths
        self._host = host
        self._dial = dial
        self._choose_port = choose_port
        self._state = STOPPED
        self._session: Session | None = None
        self._link: Link | None = None
        self._connector: GuestConnector | None = None
        self._follow_ups: set[asyncio.Task[None]] = set()
        reports = Reports(self._process_ended, self._held, self._released, self._link_told, self._time_is_due)
        self._watch = Watch(host, paths.data_disk, reports, self._relink)
        self._ended = asyncio.Event()
        self._began = 0.0
        self._on_stage: StageHook | None = None
        self.failure: UserError | None = None
        self.changed: list[StateHook] = []
        self.link_changed: list[LinkHook] = []
        self.asked: list[Asked] = []
        self.stages: list[Stage] = []

    # -- what it is ---------------------------------------------------------------------------------------------

    @property
    def state(self) -> MachineState:
        """Where the machine is in its life."""
        return self._state

    @property
    def link(self) -> Link:
        """The way into the guest.

        :raise StateError: the machine is not running.
        :raise LinkError: it runs, but the link is being made again.
        """
        self._require("be reached", RUNNING)
        if self._link is None or self._link.closed.is_set():
            raise LinkError("The connection into the machine was lost and is being made again")
        return self._link

    @property
    def record(self) -> Record | None:
        """The running QEMU: pid, forwarded SSH port, accelerator, image; None when there is none."""
        return self._session.record if self._session is not None else None

    @property
    def guest_stages(self) -> dict[str, GuestStage]:
        """What the guest itself has told of this start, by name; failures of the engine's stages too."""
        return dict(self._session.control.stages) if self._session is not None else {}

    def console_tail(self, limit: int = 3000) -> str:
        """The last ``limit`` bytes of the guest's console."""
        return tail(self._paths.console_log, limit)

    async def probe(self) -> list[Hop]:
        """The truth, hop by hop: qemu-process, qmp, guest-link. Never raises."""
        return await probe(self._session, self._link)

    # -- starting -----------------------------------------------------------------------------------------------

    async def start(self, spec: MachineSpec, on_stage: StageHook | None = None) -> None:
        """Boot ``spec`` and wait until the guest can be reached.

        The keys are made and added to the guest's configuration, and so is the forward to its SSH server.

        :param on_stage: told each step; the guest's later stages too, after this has returned.
        :raise StateError: the machine is neither stopped nor failed.
        :raise UserError: it did not start; the state is FAILED with the same error, and no QEMU is left.
        """
        self._require("start", STOPPED, FAILED)
        await self._bring_up(self._boot(spec), on_stage)

    async def adopt(self, on_stage: StageHook | None = None) -> bool:
        """Take over the QEMU which a previous supervisor left, or clean it up.

        :return: whether the machine is running now; otherwise it is STOPPED and no QEMU is left.
        :raise StateError: the machine is not stopped.
        """
        self._require("adopt", STOPPED)
        record = Record.read(self._paths.qemu_record)
        if record is None:
            return False
        if self._host.birth(record.pid) != record.birth:
            log.info("the QEMU recorded as process %d is gone", record.pid)
            self._paths.qemu_record.unlink(missing_ok=True)
            return False
        log.info("adopting QEMU, process %d", record.pid)
        try:
            await self._bring_up(self._attach(record), on_stage)
        except UserError as error:
            log.warning("QEMU %d could not be adopted: %s %s", record.pid, error.message, error.detail)
            self.failure = None
            self._set(STOPPED)
            return False
        return True

    async def _bring_up(self, work: Coroutine[Any, Any, None], on_stage: StageHook | None) -> None:
        self.failure = None
        self.stages = []
        self._on_stage = on_stage
        self._began = time.monotonic()
        self._watch.last_words = ""
        self._ended = asyncio.Event()
        self._set(STARTING)
        try:
            await work
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
            self._fail(MachineError("The machine's start failed in an unforeseen way", detail=repr(error)))
            raise
        assert self._session is not None
        assert self._link is not None
        self._set(RUNNING)
        self._watch.follow(self._session, self._link)

    async def _boot(self, spec: MachineSpec) -> None:
        orphan = Record.read(self._paths.qemu_record)
        if orphan is not None and self._host.birth(orphan.pid) == orphan.birth:
            raise MachineError(
                f"A QEMU of this installation runs already (process {orphan.pid})",
                "Stop it first: slipway stop",
            )
        try:
            await self._power_on(spec)
        except KernelCrash as crash:  # emulated processors rarely run code that another is patching just then
            log.warning("%s while it started, which is tried once more:\n%s", crash.message, crash.detail)
            await self._discard()
            await self._power_on(spec)

    async def _power_on(self, spec: MachineSpec) -> None:
        connector = await self._prepare(spec.accelerator)
        own = {"authorized_keys": connector.keys.client_public, "host_key": connector.keys.host_private}
        self._session = await launch(
            replace(spec, config={**spec.config, **own}),
            self._paths,
            self._host,
            events=self._qmp_event,
            listener=self._guest_stage,
            asked=self._guest_asked,
            choose=self._choose_port,
        )
        self._qemu_is_up()
        await self._enter(self._session, connector)

    async def _attach(self, record: Record) -> None:
        connector = await self._prepare(Accelerator(record.accelerator))
        try:
            session = await attach(
                record,
                self._host,
                events=self._qmp_event,
                listener=self._guest_stage,
                asked=self._guest_asked,
                timeout=ADOPTION_SECONDS,
            )
        except MachineError:
            await end_orphan(record, self._paths, self._host)
            raise
        if session is None:
            raise MachineError("The QEMU to adopt has just ended")
        self._session = session
        self._qemu_is_up()
        await session.monitor.execute("cont")  # it may have been paused; harmless if not
        await self._enter(session, connector)

    async def _prepare(self, accelerator: Accelerator) -> GuestConnector:
        keys = await asyncio.to_thread(ensure_keys, self._paths.keys)
        self._connector = GuestConnector.for_accelerator(self._host, self._dial, keys, accelerator)
        return self._connector

    async def _enter(self, session: Session, connector: GuestConnector) -> None:
        self._link = await connector.first(session)
        if self._link is None:
            raise explain_end(session, self._paths, self._watch.last_words)
        self._stage("link")

    async def _relink(self) -> Link:
        assert self._session is not None
        assert self._connector is not None
        return await self._connector.connect(self._session)

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
        await self._take_down(lambda session: shut_down(session, self._paths, timeout))

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
        session = self._session
        assert session is not None  # RUNNING and PAUSED have one
        try:
            await self._drop_link()
            await end(session)
            self._session = None
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
        """Leave no QEMU, no link and no record; a QEMU that cannot be ended keeps its record and is logged."""
        await self._drop_link()
        session, self._session = self._session, None
        if session is None:
            return
        try:
            await discard(session, self._paths)
        except MachineError as error:
            log.error("%s (%s)", error.message, error.hint)

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
        self._require("pause", RUNNING)
        await self.execute("stop")
        self._set(PAUSED)

    async def resume(self) -> None:
        """Let a paused machine, or one held by a full disk, run again with the right time.

        :raise StateError: it is not paused.    :raise DiskError: the host's disk is still full.
        :raise MachineError: QEMU refused.
        """
        self._require("resume", PAUSED)
        DataDisk(self._paths.data_disk, self._host).require_space()
        await self.execute("cont")
        self.failure = None
        self._set(RUNNING)
        await self.set_time()

    async def set_time(self) -> None:
        """Give the guest the host's time; a guest that does not answer is only logged."""
        self._require("take the time", RUNNING)
        assert self._session is not None
        try:
            await synchronise(self._session.control.command)
        except (MachineError, ValueError) as error:
            log.warning("the guest did not take the time: %s", error)

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
        disk = DataDisk(self._paths.data_disk, self._host)
        if self._state is not RUNNING:
            await disk.grow(size_gib)
            return
        assert self._session is not None
        disk.require_growth((await disk.info()).virtual_size, size_gib)
        await self.execute("block_resize", {"node-name": DATA_NODE, "size": size_gib * GIB})
        await self._session.control.command("grow", GROW_SECONDS)

    async def wait_exit(self) -> UserError | None:
        """Wait until the machine has ended by itself; the cause is what :attr:`failure` holds."""
        await self._ended.wait()
        return self.failure

    async def execute(self, command: str, arguments: Mapping[str, object] | None = None) -> Any:
        """Run a QMP command. :raise MachineError: no QEMU runs; see :meth:`vm.qemu.monitor.Monitor.execute`."""
        if self._session is None:
            raise MachineError("The machine does not run", detail=command)
        return await self._session.monitor.execute(command, arguments)

    def _follow_up(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._follow_ups.add(task)  # the loop itself holds no reference to it
        task.add_done_callback(self._follow_ups.discard)

    def _process_ended(self) -> None:
        self._follow_up(self._end_badly())

    async def _end_badly(self) -> None:
        session = self._session
        if session is None or self._state not in (RUNNING, PAUSED):
            return
        cause = explain_end(session, self._paths, self._watch.last_words)
        log.error("%s\n%s", cause.message, cause.detail)
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

    # -- what QEMU and the guest tell ---------------------------------------------------------------------------

    def _qmp_event(self, name: str, data: Mapping[str, Any]) -> None:
        session = self._session
        if session is not None:
            self._watch.event(session.monitor, session.process.kill, name, data)

    def _qemu_is_up(self) -> None:
        if not self.stages:
            self._stage("qemu")

    def _guest_stage(self, stage: GuestStage) -> None:
        self._qemu_is_up()  # a fast guest may speak before launch() has returned
        if self._connector is not None:
            self._connector.readiness.tell(stage)
        if stage.failure is None:
            self._stage(stage.name)

    def _guest_asked(self, word: str, rest: str) -> None:
        for hook in list(self.asked):
            hook(word, rest)

    def _stage(self, name: str) -> None:
        seconds = time.monotonic() - self._began
        took = seconds - (self.stages[-1].seconds if self.stages else 0.0)
        stage = Stage(name, round(seconds, 3), round(took, 3))
        self.stages.append(stage)
        if self._on_stage is not None:
            self._on_stage(stage)

    # -- the one writer of the state ----------------------------------------------------------------------------

    def _require(self, action: str, *states: MachineState) -> None:
        if self._state not in states:
            raise StateError(action, self._state, frozenset(states))

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
