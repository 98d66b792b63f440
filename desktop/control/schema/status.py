"""The status: what Slipway is doing now, and how its machine, its engine and its parts are."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from desktop.control.schema.errors import ErrorReport

SHORTEST_WATCH, LONGEST_WATCH = 0.5, 3600.0
"""Seconds between two statuses of one watcher when nothing happens."""


class RunState(StrEnum):
    """What Slipway as a whole is doing. ``running`` means that a call through the user's socket has answered."""

    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    UNREACHABLE = "unreachable"  # the machine should answer and does not: a hop has failed
    RESTARTING = "restarting"  # QEMU ended by itself and is being started again
    PAUSED = "paused"
    STOPPING = "stopping"
    FAILED = "failed"


@dataclass(frozen=True)
class HopReport:
    """One hop on the way from the user's socket to dockerd.

    :ivar ok: None when it was not reached, because one before it failed.
    """

    name: str
    ok: bool | None
    why: str
    hint: str = ""


@dataclass(frozen=True)
class AcceleratorReport:
    """Which accelerator the machine runs under; for emulation also why, and what would change it."""

    name: str
    emulated: bool
    proven: bool
    why: str
    fix: str = ""


@dataclass(frozen=True)
class EngineReport:
    """The engine by its own ``/version``."""

    version: str
    api_version: str
    os: str
    arch: str
    kernel: str = ""


@dataclass(frozen=True)
class MachineReport:
    """The machine that runs, or would be started.

    :ivar pid: QEMU's process; None when none runs.    :ivar image: version of the system image.
    :ivar since: start of QEMU, seconds since 1970.
    """

    cpus: int
    memory_mib: int
    disk_gib: int
    arch: str
    pid: int | None = None
    image: str | None = None
    since: float | None = None


@dataclass(frozen=True)
class UsageReport:
    """What QEMU takes of the host.

    :ivar cpu_seconds: processor time since its start; the difference of two reports is the load.
    :ivar memory: resident bytes.    :ivar at: when this was read, seconds since 1970.
    """

    cpu_seconds: float
    memory: int
    at: float


@dataclass(frozen=True)
class MemoryReport:
    """The memory that the machine's programs share, in bytes.

    :ivar available: what they can still get without swapping.
    :ivar swap: all swap, which is compressed memory.    :ivar swap_free: what of it is unused.
    :ivar waited: percentage of the last 10 seconds in which some program waited for memory.
    :ivar ended: programs that the kernel has ended since the start because the memory was full.
    :ivar shortage: that the memory is full, or was; empty when all is well.    :ivar hint: what to do then.
    """

    total: int
    available: int
    swap: int = 0
    swap_free: int = 0
    waited: int = 0
    ended: int = 0
    shortage: str = ""
    hint: str = ""


@dataclass(frozen=True)
class EngineState:
    """One of the engines that Slipway can lead to.

    :ivar name: as in ``slipway engine use NAME``.    :ivar title: what it is for: ``Linux containers``.
    :ivar os: the system of its containers, as Docker's API calls it.    :ivar summary: one sentence.
    :ivar in_use: the user's socket leads to it.    :ivar switching: it is being switched to.
    :ivar obstacle: why it cannot be used here; empty when it can.    :ivar hint: what would change that.
    :ivar socket: the socket or pipe that leads to it, whichever is in use; empty where there is only one engine.
    :ivar used: it has been in use.
    """

    name: str
    title: str
    os: str
    state: RunState
    summary: str
    in_use: bool = False
    switching: bool = False
    obstacle: str = ""
    hint: str = ""
    socket: str = ""
    used: bool = False


class PartState(StrEnum):
    """How one of the parts beside the engine is."""

    IDLE = "idle"  # there is nothing to do while the engine does not run
    RUNNING = "running"
    RESTARTING = "restarting"  # it has failed, and is started again after a pause
    DEGRADED = "degraded"  # it works, but something of it could not be done


@dataclass(frozen=True)
class PartReport:
    """The health of one part, such as the published ports or the shared folders.

    :ivar failures: how often it has failed since the supervisor started.    :ivar error: the last failure.
    :ivar since: when it entered its state, seconds since 1970.
    """

    name: str
    state: PartState
    failures: int = 0
    error: str = ""
    since: float | None = None


@dataclass(frozen=True)
class WarningReport:
    """What is not as it should be though Slipway runs; a sentence, and what to do about it."""

    message: str
    hint: str = ""


@dataclass(frozen=True)
class Status:
    """The answer to “what is going on?”.

    :ivar summary: one sentence.    :ivar failure: why it failed, or which hop does not answer.
    :ivar socket: the address for DOCKER_HOST.    :ivar also: others at which the engine answers for now.
    :ivar tls: the one for clients with a certificate; empty while it does not answer by TLS.
    :ivar stage: what goes on; of a start that failed, the stage it failed in.
    :ivar note: why it is stopped, when that was not asked for as such: ``The start was cancelled``.
    """

    state: RunState
    summary: str
    socket: str
    supervisor_pid: int | None = None
    failure: ErrorReport | None = None
    hops: tuple[HopReport, ...] = ()
    stage: str = ""
    note: str = ""
    machine: MachineReport | None = None
    accelerator: AcceleratorReport | None = None
    engine: EngineReport | None = None
    connections: int = 0
    usage: UsageReport | None = None
    memory: MemoryReport | None = None
    engines: tuple[EngineState, ...] = ()
    parts: tuple[PartReport, ...] = ()
    warnings: tuple[WarningReport, ...] = ()
    also: tuple[str, ...] = ()
    tls: str = ""


@dataclass(frozen=True)
class Watch:
    """Asks for the status again and again, at least each ``every`` seconds."""

    every: Annotated[float, Meta(ge=SHORTEST_WATCH, le=LONGEST_WATCH)]


@dataclass(frozen=True)
class Hello:
    """The supervisor's first words: the version of its control API, and its process."""

    protocol: int
    pid: int
