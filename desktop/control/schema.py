"""What travels over the control API: frozen values and their JSON, the same on both ends.

Requests and replies are JSON objects. Long work answers with a stream of JSON lines (NDJSON), one :class:`Event`
each: ``progress`` and ``stage`` as they happen, then exactly one ``done`` or ``error``. A client that closes the
connection cancels the work it began.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

from vm.errors import UserError
from vm.guest.forward import MACHINE

PROTOCOL = 1
"""Version of this API. It is part of every path (``/v1/…``); the two ends have to agree."""

T = TypeVar("T")


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
class ErrorReport:
    """A :class:`vm.errors.UserError` on its way."""

    code: str
    message: str
    hint: str = ""
    detail: str = ""

    @classmethod
    def of(cls, error: UserError) -> ErrorReport:
        return cls(error.code, error.message, error.hint, error.detail)

    def to_error(self) -> RemoteError:
        return RemoteError(self.code, self.message, self.hint, self.detail)


class RemoteError(UserError):
    """An error that the supervisor reported; ``code`` is the original's."""

    def __init__(self, code: str, message: str, hint: str = "", detail: str = "") -> None:
        super().__init__(message, hint, detail)
        self._code = code

    @property
    def code(self) -> str:
        return self._code


@dataclass(frozen=True)
class StageReport:
    """A timed step of a start.

    :ivar seconds: since the start began.    :ivar took: of which this step.
    """

    name: str
    seconds: float
    took: float


@dataclass(frozen=True)
class HopReport:
    """One part on the way from the user's socket to dockerd.

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
    """The engine as its own ``/version`` tells."""

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
    """What QEMU takes of this computer.

    :ivar cpu_seconds: processor time since its start; the difference of two reports tells the load.
    :ivar memory: resident bytes.    :ivar at: when this was read, seconds since 1970.
    """

    cpu_seconds: float
    memory: int
    at: float


@dataclass(frozen=True)
class SwitchReport:
    """The other kind of containers that the engine could be switched to.

    :ivar target: what it is called.    :ivar obstacle: why it cannot be done here; empty when it can.
    """

    target: str
    obstacle: str


@dataclass(frozen=True)
class Status:
    """The answer to “what is going on?”.

    :ivar summary: one sentence.    :ivar failure: why it failed, or which hop does not answer.
    :ivar socket: the address for DOCKER_HOST.
    :ivar stage: what goes on; of a start that failed, the stage it failed in.
    """

    state: RunState
    summary: str
    socket: str
    supervisor_pid: int | None = None
    failure: ErrorReport | None = None
    hops: tuple[HopReport, ...] = ()
    stage: str = ""
    machine: MachineReport | None = None
    accelerator: AcceleratorReport | None = None
    engine: EngineReport | None = None
    connections: int = 0
    usage: UsageReport | None = None
    switch: SwitchReport | None = None


@dataclass(frozen=True)
class Boot:
    """One past start, for the waterfall.

    :ivar began: seconds since 1970.    :ivar total: seconds to the first answered API call.
    """

    began: float
    total: float
    accelerator: str
    image: str
    stages: tuple[StageReport, ...]


@dataclass(frozen=True)
class DiskReport:
    """The data disk; sizes in bytes. ``health``: ``good``, ``leaks`` or ``corrupt``; empty when not checked."""

    path: str
    exists: bool
    virtual_size: int = 0
    allocated: int = 0
    host_free: int = 0
    health: str = ""
    note: str = ""


@dataclass(frozen=True)
class ImageReport:
    """A system image in the cache; ``current`` is the one that starts would use."""

    version: str
    arch: str
    size: int
    current: bool
    packages: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PortReport:
    """A port that a container publishes.

    :ivar protocol: ``tcp``, ``udp`` or ``sctp``.    :ivar address: where this computer listens;
        not what was asked for when the setting ``ports_local`` narrows that.
    :ivar target: the container's address.    :ivar connections: open now.
    :ivar failure: why this computer does not listen; empty when it does.
    """

    protocol: str
    address: str
    port: int
    target: str
    target_port: int
    connections: int
    failure: str

    @property
    def network(self) -> str:
        """Whose the target is when it is none of a container's own: ``host network``, ``swarm``; else empty."""
        if self.target == MACHINE:
            return "swarm"
        return "host network" if ipaddress.ip_address(self.target).is_loopback else ""


MOUNTED = "mounted"


@dataclass(frozen=True)
class FolderReport:
    """A folder that is shared with the machine.

    :ivar place: where it is in the machine.    :ivar state: :data:`MOUNTED`, or what is amiss.
    :ivar carrier: ``virtiofs`` or ``sftp``; empty while it is not known.
    :ivar why: why it is not virtiofs, where that might be.
    :ivar unwatched: what of it is mounted and not all followed, so that containers miss changes; and why.
    """

    folder: str
    place: str
    state: str
    carrier: str = ""
    why: str = ""
    unwatched: str = ""


@dataclass(frozen=True)
class SshReport:
    """How the system's ``ssh`` reaches the guest, with both keys pinned."""

    host: str
    port: int
    user: str
    key: str
    known_hosts: str


@dataclass(frozen=True)
class SettingsReport:
    """The settings, for a form.

    :ivar stored: as they were set; 0 where Slipway chooses.    :ivar used: with what it has chosen.
    :ivar chosen: what it would choose for everything.
    :ivar no_menu: why Slipway cannot put itself into the desktop's menu; empty where it can.
    """

    stored: Mapping[str, Any]
    used: Mapping[str, Any]
    chosen: Mapping[str, Any]
    host_cpus: int
    host_memory_mib: int
    no_menu: str = ""


@dataclass(frozen=True)
class ContextReport:
    """Which engine the docker command talks to.

    :ivar current: the context in use.    :ivar address: of its engine.    :ivar answers: whether one does there.
    :ivar ours: it is Slipway's.    :ivar override: a variable that goes before any context, as NAME=VALUE.
    :ivar previous: the context that was current before ours.    :ivar names: all contexts.
    """

    current: str
    address: str
    answers: bool
    ours: bool
    override: str = ""
    previous: str = ""
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class BundleFile:
    """A file of the support bundle. ``text`` is what would be saved: secrets are gone."""

    name: str
    text: str


class ResetLevel(StrEnum):
    """How much a reset takes away."""

    SETTINGS = "settings"  # the settings only
    DATA = "data"  # everything of the user's in the machine
    ALL = "all"  # also the settings, the system images and what was written outside Slipway's folder


@dataclass(frozen=True)
class Check:
    """One diagnosis. ``passed`` None: it could not be made now, ``found`` says why."""

    name: str
    description: str
    passed: bool | None
    found: str
    fix: str = ""


@dataclass(frozen=True)
class Note:
    """The outcome of a request: one sentence, and whether the machine has to restart to take it up."""

    text: str
    restart_needed: bool = False


@dataclass(frozen=True)
class Event:
    """A line of a stream.

    :ivar kind: ``progress`` (text, fraction 0–1 or None), ``stage``, ``done`` (text) or ``error``.
    """

    kind: str
    text: str = ""
    fraction: float | None = None
    stage: StageReport | None = None
    error: ErrorReport | None = None


def dump(value: Any) -> Any:
    """A value of this module as plain JSON data."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: dump(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): dump(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [dump(item) for item in value]
    return value


def load(kind: type[T], values: Any) -> T:
    """A ``kind`` of this module out of JSON data; unknown keys are ignored, so that ends may differ a little.

    :raise ValueError: the data does not fit.
    """
    return typing.cast(T, _load(kind, values))


def _load(kind: Any, value: Any) -> Any:
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return value
    if origin in (typing.Union, types.UnionType):
        return None if value is None else _load(next(item for item in inner if item is not type(None)), value)
    if origin is tuple:
        return tuple(_load(inner[0], item) for item in _require(value, list))
    if origin is not None and issubclass(origin, Mapping):
        return dict(_require(value, dict))
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        hints = typing.get_type_hints(kind)
        known = {item.name for item in dataclasses.fields(kind)}
        given = {name: _load(hints[name], item) for name, item in _require(value, dict).items() if name in known}
        try:
            return kind(**given)
        except TypeError as error:
            raise ValueError(f"{kind.__name__}: {error}") from error
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return kind(value)
    return float(_require(value, (int, float))) if kind is float else _require(value, kind)


def _require(value: Any, kind: Any) -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"{value!r} is not a {kind}")
    return value
