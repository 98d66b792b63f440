"""Boot: brings one machine up, from nothing or from a QEMU that runs, to an open link; a crash is tried again.

QEMU and the kernel under it sometimes crash or hang while a machine starts, most of all under emulation on a busy
host, and the next attempt succeeds. So whatever ends a machine that starts is tried again, twice, unless QEMU or
the guest itself reports what is wrong.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from vm.connector import DialSsh, GuestConnector
from vm.errors import GuestClockError, LinkError, MachineError, TransientError, UserError
from vm.guest.clock import SpeedCheck
from vm.guest.control import Asked, GuestStage
from vm.guest.keys import ensure_keys
from vm.guest.stream import Link
from vm.host import Host
from vm.host.paths import Paths
from vm.launch import PortChooser, launch, without_shares
from vm.qemu.failures import explain_end
from vm.qemu.process import tail
from vm.qemu.record import Record, find_record
from vm.session import Session, Subscribers, attach, discard, end_orphan
from vm.spec import Accelerator, MachineSpec
from vm.watch import Watch

log = logging.getLogger(__name__)

ATTEMPTS = 3
"""How often a machine that crashes or hangs while it starts is started in all."""

ADOPTION_SECONDS = 5.0
"""For an orphaned QEMU to answer on its monitor; one that does not is ended."""

RETRY = "retry"
"""The name of the stage that stands for the attempts that failed."""


@dataclass(frozen=True)
class Stage:
    """A timed step of a start.

    :ivar seconds: since the start began.    :ivar took: since the step before.
    """

    name: str
    seconds: float
    took: float


@dataclass(frozen=True)
class Retry:
    """An attempt that failed and is followed by another.

    :ivar attempt: the number of the next attempt, from 2.    :ivar attempts: how many there are at most.
    """

    cause: UserError
    attempt: int
    attempts: int

    @property
    def text(self) -> str:
        """One line for the user."""
        return f"{self.cause.message}. Starting the machine again ({self.attempt} of {self.attempts})"


StageHook = Callable[[Stage], None]
RetryHook = Callable[[Retry], None]


@dataclass(frozen=True)
class Progress:
    """Callbacks for the progress of a start, called in the event loop."""

    stage: StageHook | None = None
    retry: RetryHook | None = None


class Boot:
    """One bring-up of a machine, and what it needs for as long as the machine runs.

    :param watch: takes QMP's events, and says what is known of QEMU's end.
    :param asked: called with each request of the guest.
    :ivar session: the QEMU that runs; None while there is none.
    :ivar stages: the steps so far; after a failed attempt they begin again with :data:`RETRY`.
    """

    def __init__(
        self,
        paths: Paths,
        host: Host,
        watch: Watch,
        *,
        dial: DialSsh,
        choose_port: PortChooser,
        asked: Asked,
        progress: Progress,
    ) -> None:
        self._paths = paths
        self._host = host
        self._watch = watch
        self._dial = dial
        self._choose_port = choose_port
        self._subscribers = Subscribers(self._event, self._guest_stage, asked)
        self._progress = progress
        self._connector: GuestConnector | None = None
        self._began = time.monotonic()
        self.session: Session | None = None
        self.stages: list[Stage] = []

    async def start(self, spec: MachineSpec) -> Link:
        """Start QEMU and open a link into its guest. The caller discards what is left of a failure.

        :raise UserError: it did not start, after :data:`ATTEMPTS` attempts where another one may help.
        """
        orphan = await asyncio.to_thread(find_record, self._paths, self._host)
        if orphan is not None and self._host.birth(orphan.pid) == orphan.birth:
            raise MachineError(
                f"A QEMU of this installation is already running (process {orphan.pid})",
                "Stop it first: slipway stop",
            )
        for attempt in range(2, ATTEMPTS + 1):
            try:
                return await self._power_on(spec)
            except (TransientError, LinkError) as error:
                await self._try_again(Retry(error, attempt, ATTEMPTS))
        if spec.shares:  # the one part of the machine that can be done without
            spec = without_shares(spec)
        return await self._power_on(spec, last=True)

    async def adopt(self, record: Record) -> Link:
        """Connect to the QEMU of ``record``; one that does not answer is ended.

        :raise MachineError: it is gone, does not answer, or no link can be opened.
        """
        connector = await self._prepare(Accelerator(record.accelerator))
        try:
            session = await attach(record, self._host, self._subscribers, ADOPTION_SECONDS)
        except MachineError:
            await end_orphan(record, self._paths, self._host)
            raise
        if session is None:
            raise MachineError("The machine to take over has just ended")
        self.session = session
        record.write(self._paths.qemu_record)  # the one in the file may have been of no use
        self._qemu_is_up()
        await session.monitor.execute("cont")  # it may have been paused; harmless if not
        return await self._connect(session, connector)

    async def relink(self) -> Link:
        """Open another link into the guest. :raise LinkError: it cannot be opened now."""
        if self.session is None or self._connector is None:
            raise LinkError("The machine does not run")
        return await self._connector.connect(self.session)

    async def discard(self) -> None:
        """Leave no QEMU and no record; a QEMU that cannot be ended keeps its record and is logged."""
        session, self.session = self.session, None
        if session is None:
            return
        try:
            await discard(session, self._paths)
        except MachineError as error:
            log.error("%s (%s)", error.message, error.hint)

    async def _power_on(self, spec: MachineSpec, last: bool = False) -> Link:
        connector = await self._prepare(spec.accelerator)
        own = {"authorized_keys": connector.keys.client_public, "host_key": connector.keys.host_private}
        spec = replace(spec, config={**spec.config, **own})
        session = self.session = await launch(spec, self._paths, self._host, self._subscribers, self._choose_port)
        self._qemu_is_up()
        speed = SpeedCheck()
        link = await self._connect(session, connector, speed)
        try:
            await speed.finish(session.control.command)
        except GuestClockError as error:
            if not last:
                await link.close()
                raise
            log.warning("%s, and goes on: %s", error.message, error.detail)
        return link

    async def _prepare(self, accelerator: Accelerator) -> GuestConnector:
        self._watch.last_words = None
        keys = await asyncio.to_thread(ensure_keys, self._paths.keys)
        self._connector = GuestConnector.for_accelerator(self._host, self._dial, keys, accelerator)
        return self._connector

    async def _connect(self, session: Session, connector: GuestConnector, speed: SpeedCheck | None = None) -> Link:
        link = await connector.first(session, speed)
        if link is None:
            raise self.explain_end(session)
        self._stage("link")
        return link

    def explain_end(self, session: Session) -> TransientError:
        """Why QEMU, which has ended, did."""
        output, console = tail(self._paths.qemu_log), tail(self._paths.console_log)
        return explain_end(session.process.exited.result(), output, console, self._watch.last_words)

    async def _try_again(self, retry: Retry) -> None:
        log.warning("%s", "\n".join(filter(None, [retry.text, retry.cause.detail])))
        await self.discard()
        self.stages.clear()
        self._stage(RETRY)
        if self._progress.retry is not None:
            self._progress.retry(retry)

    # -- what QEMU and the guest report ---------------------------------------------------------------------------

    def _event(self, name: str, data: Mapping[str, Any]) -> None:
        if self.session is not None:
            self._watch.event(self.session.monitor, self.session.process.kill, name, data)

    def _guest_stage(self, stage: GuestStage) -> None:
        self._qemu_is_up()  # a fast guest may speak before launch() has returned
        if self._connector is not None:
            self._connector.readiness.report(stage)
        if stage.failure is None:
            self._stage(stage.name)

    def _qemu_is_up(self) -> None:
        if not any(stage.name != RETRY for stage in self.stages):
            self._stage("qemu")

    def _stage(self, name: str) -> None:
        seconds = time.monotonic() - self._began
        took = seconds - (self.stages[-1].seconds if self.stages else 0.0)
        stage = Stage(name, round(seconds, 3), round(took, 3))
        self.stages.append(stage)
        if self._progress.stage is not None:
            self._progress.stage(stage)
