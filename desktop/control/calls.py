"""Each call of the control API, declared once: the client, the server and the stand-in are made from this file.

A call is an attribute of :class:`ControlApi`. Its request's fields are its parameters, for the client that makes
it (``await client.grow_disk(64)``) and for the handler that does it (``def grow(self, gib: int) -> Note``). mypy
checks both. To add one: a line here, its request and reply in schema/, and a line in each ``handlers``.

On the wire: ``METHOD /v1/path``. A GET has its request's fields in the query, the others as a JSON object. The
client's environment is in a header of each (schema/caller.py); a handler that answers for the caller gets it.
A :class:`Call` is answered with one JSON value, a :class:`Stream` with JSON lines as they come, the last of which
may be an error. Status 400: the request cannot be understood; 409: it cannot be done; 500: a defect. The body is
then an ``ErrorReport``. A client that closes the connection cancels its call; what changes the engine (start,
stop, restart, reset) goes on nevertheless.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from desktop.control.schema import (
    AddTlsClient,
    Boot,
    BuildImage,
    BundleFile,
    CallerEnvironment,
    ChangeHelpers,
    ChangeMenu,
    ChangeSettings,
    Check,
    CheckDisk,
    ContextReport,
    DisableTls,
    DiskReport,
    EnableKubernetes,
    EnableTls,
    EngineState,
    Event,
    FolderReport,
    GrowDisk,
    Hello,
    ImageReport,
    KubernetesBackupReport,
    KubernetesReport,
    LogPart,
    Note,
    PortReport,
    ReadLog,
    RemoveEngine,
    RequirementReport,
    Reset,
    RestoreKubernetes,
    RevokeTlsClient,
    SettingsReport,
    SshReport,
    Status,
    TlsBundle,
    TlsReport,
    UseEngine,
    Watch,
)

PROTOCOL = 1
"""Version of this API. It is part of every path (``/v1/…``); the two ends have to agree."""

CALL_SECONDS = 30.0

P = ParamSpec("P")
R = TypeVar("R")
Item = TypeVar("Item")


@dataclass(frozen=True)
class Nothing:
    """A request without fields."""


class Declared(Generic[P]):
    """What calls and streams have in common.

    :ivar name: the attribute it is; in logs.
    :ivar request: the type of the request, whose fields are the parameters.
    """

    name: str

    def __init__(self, method: str, path: str, request: Callable[P, object], doc: str) -> None:
        self.method = method
        self.path = path
        self.request: Any = request
        self.__doc__ = doc

    def __set_name__(self, owner: type[ControlApi], name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"{self.method} {self.path}"


class Call(Declared[P], Generic[P, R]):
    """A request with one reply.

    :param timeout: seconds within which the reply has to come.
    """

    def __init__(
        self,
        method: str,
        path: str,
        request: Callable[P, object],
        reply: type[R],
        doc: str,
        *,
        timeout: float = CALL_SECONDS,
    ) -> None:
        super().__init__(method, path, request, doc)
        self.reply = reply
        self.timeout = timeout

    @overload
    def __get__(self, api: None, owner: type[ControlApi]) -> Call[P, R]: ...
    @overload
    def __get__(self, api: ControlApi, owner: type[ControlApi]) -> Callable[P, Coroutine[Any, Any, R]]: ...
    def __get__(self, api: ControlApi | None, owner: type[ControlApi]) -> Any:
        if api is None:
            return self
        return lambda *args, **fields: api.send(self, self.request(*args, **fields))

    def handled_by(self, handler: Callable[P, R | Awaitable[R]]) -> Route:
        """Pair it with what does it."""
        return Route(self, handler)

    def handled_for_caller(self, handler: Callable[Concatenate[CallerEnvironment, P], R | Awaitable[R]]) -> Route:
        """Pair it with what does it for the environment of the client that asks."""
        return Route(self, handler, for_caller=True)


class Stream(Declared[P], Generic[P, Item]):
    """A request that is answered with items as they come. One of events ends with ``done``, the others never."""

    def __init__(self, method: str, path: str, request: Callable[P, object], item: type[Item], doc: str) -> None:
        super().__init__(method, path, request, doc)
        self.item = item

    @overload
    def __get__(self, api: None, owner: type[ControlApi]) -> Stream[P, Item]: ...
    @overload
    def __get__(self, api: ControlApi, owner: type[ControlApi]) -> Callable[P, AsyncGenerator[Item]]: ...
    def __get__(self, api: ControlApi | None, owner: type[ControlApi]) -> Any:
        if api is None:
            return self
        return lambda *args, **fields: api.receive(self, self.request(*args, **fields))

    def handled_by(self, handler: Callable[P, AsyncIterator[Item]]) -> Route:
        """Pair it with what does it: an async generator, which is closed when the client has gone."""
        return Route(self, handler)

    def handled_for_caller(
        self, handler: Callable[Concatenate[CallerEnvironment, P], AsyncIterator[Item]]
    ) -> Route:
        """The same, for the environment of the client that asks."""
        return Route(self, handler, for_caller=True)


AnyCall = Call[..., Any] | Stream[..., Any]


@dataclass(frozen=True)
class Route:
    """A call, and what does it. Made by ``handled_by``, which checks that they fit.

    :ivar for_caller: the handler's first argument is the caller's environment.
    """

    call: AnyCall
    handler: Callable[..., Any]
    for_caller: bool = False


class ControlApi(ABC):
    """Every call, as methods of whatever can send and receive."""

    hello = Call("GET", "/hello", Nothing, Hello, "Which version answers, in which process.", timeout=10)

    status = Call("GET", "/status", Nothing, Status, "The state now; takes seconds when a hop does not answer.")
    watch = Stream("GET", "/watch", Watch, Status, "The status now, at each change, and each `every` seconds.")
    boots = Call("GET", "/boots", Nothing, list[Boot], "The timings of past starts, oldest first.")
    start = Stream("POST", "/start", Nothing, Event, "Start, or join the start under way.")
    cancel_start = Call(
        "POST", "/start/cancel", Nothing, Note, "Cancel it, unless another client follows it.", timeout=120
    )
    stop = Stream("POST", "/stop", Nothing, Event, "Stop the machine; the supervisor stays.")
    restart = Stream("POST", "/restart", Nothing, Event, "Stop if it runs, then start.")
    end = Stream("POST", "/shutdown", Nothing, Event, "Stop the machine, then end the supervisor.")

    engines = Call("GET", "/engines", Nothing, list[EngineState], "Every engine, and how it is.")
    use_engine = Stream(
        "POST", "/engines/use", UseEngine, Event, "Switch to an engine; it has answered at the end."
    )

    engine_needs = Call(
        "GET",
        "/engines/windows",
        Nothing,
        list[RequirementReport],
        "What Windows containers need of Windows.",
    )
    install_engine = Stream("POST", "/engines/windows/install", Nothing, Event, "Set Windows containers up.")
    remove_engine = Stream("POST", "/engines/windows/remove", RemoveEngine, Event, "Undo that.")

    settings = Call("GET", "/settings", Nothing, dict[str, Any], "All settings, with the defaults filled in.")
    set_settings = Call("PUT", "/settings", ChangeSettings, Note, "Set some, all or none.", timeout=600)
    settings_report = Call("GET", "/settings/report", Nothing, SettingsReport, "The settings, for a form.")
    menu = Call("POST", "/menu", ChangeMenu, Note, "Be in the desktop's menu of applications, or not.")

    disk = Call("GET", "/disk", Nothing, DiskReport, "The data disk's figures.")
    grow_disk = Call("POST", "/disk/grow", GrowDisk, Note, "Enlarge it; nothing is lost.", timeout=600)
    check_disk = Call("POST", "/disk/check", CheckDisk, DiskReport, "Check the stopped machine's.", timeout=900)

    images = Call("GET", "/images", Nothing, list[ImageReport], "The system images in the cache.")
    build_image = Stream("POST", "/images/build", BuildImage, Event, "Build the system image.")

    ports = Call("GET", "/ports", Nothing, list[PortReport], "What containers publish on the host.")
    folders = Call("GET", "/folders", Nothing, list[FolderReport], "The host's folders that the machine has.")
    ssh = Call("GET", "/ssh", Nothing, SshReport, "How to reach the guest with `ssh`; it has to run.")

    guest_log = Call("GET", "/logs", ReadLog, LogPart, "A log of an engine, from a place on.", timeout=100)
    diagnose = Call("GET", "/diagnose", Nothing, list[Check], "Run every check.", timeout=120)
    bundle = Call("GET", "/bundle", Nothing, list[BundleFile], "A support bundle, without secrets.", timeout=120)
    debug = Call("GET", "/debug", Nothing, dict[str, Any], "The supervisor's tasks and parts, for a developer.")

    context = Call("GET", "/context", Nothing, ContextReport, "Which engine the docker command talks to.")
    use_context = Call("POST", "/context/use", Nothing, Note, "Make `slipway` the current Docker context.")
    restore_context = Call("POST", "/context/restore", Nothing, Note, "Make the context before it current again.")
    change_helpers = Call("POST", "/helpers", ChangeHelpers, Note, "Remove credential helpers, or put them back.")

    tls = Call("GET", "/tls", Nothing, TlsReport, "Whether the engine answers by TLS, and to which clients.")
    enable_tls = Call("POST", "/tls/enable", EnableTls, Note, "Answer by TLS at an address.")
    disable_tls = Call("POST", "/tls/disable", DisableTls, Note, "Answer by TLS no more.")
    add_tls_client = Call("POST", "/tls/clients", AddTlsClient, TlsBundle, "Make a certificate for a client.")
    revoke_tls_client = Call("POST", "/tls/clients/revoke", RevokeTlsClient, Note, "Let a client in no more.")

    kubernetes = Call("GET", "/kubernetes", Nothing, KubernetesReport, "Whether Kubernetes is on, and how it is.")
    enable_kubernetes = Stream(
        "POST", "/kubernetes/enable", EnableKubernetes, Event, "Turn it on; pods can run at the end."
    )
    disable_kubernetes = Stream("POST", "/kubernetes/disable", Nothing, Event, "Turn it off; its state is kept.")
    reset_kubernetes = Stream("POST", "/kubernetes/reset", Nothing, Event, "Delete the cluster.")
    kubernetes_backups = Call(
        "GET",
        "/kubernetes/backups",
        Nothing,
        list[KubernetesBackupReport],
        "Backups of its state.",
    )
    restore_kubernetes = Stream(
        "POST",
        "/kubernetes/restore",
        RestoreKubernetes,
        Event,
        "Make the cluster what it was.",
    )

    reset_plan = Call("GET", "/reset/plan", Reset, list[str], "What a reset would do, one sentence each.")
    reset = Stream("POST", "/reset", Reset, Event, "Stop, and delete what the plan says.")

    @abstractmethod
    async def send(self, call: Call[..., R], request: object) -> R:
        """Make a call."""

    @abstractmethod
    def receive(self, stream: Stream[..., Item], request: object) -> AsyncGenerator[Item]:
        """Make a call that is answered with a stream; closing it cancels the work."""


CALLS: tuple[AnyCall, ...] = tuple(item for item in vars(ControlApi).values() if isinstance(item, Call | Stream))
"""Every call there is."""

__all__ = ["CALLS", "PROTOCOL", "AnyCall", "Call", "ControlApi", "Declared", "Nothing", "Route", "Stream"]
