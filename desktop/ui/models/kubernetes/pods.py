"""Pods: their state in words, as ``kubectl get pods`` has it, with the reason in a few words behind."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from desktop.ui.models.format import age
from desktop.ui.models.kubernetes.meta import AGE, NAMESPACE, Json, Meta, name_column
from desktop.ui.models.kubernetes.reasons import exit_words, short
from desktop.ui.models.kubernetes.usage import Use
from desktop.ui.models.records import Column
from desktop.ui.models.volumes import timestamp

T = TypeVar("T")

FINE = ("Running", "Completed", "Succeeded")
CHANGING = ("Pending", "ContainerCreating", "PodInitializing", "NotReady", "Terminating", "Starting")
"""States that end by themselves, as a rule."""

TEMPLATE_HASH = "pod-template-hash"


@dataclass(frozen=True)
class PodContainer:
    """A container of a pod.

    :ivar state: in words.    :ivar why: the whole message; may be empty.    :ivar init: it runs before the others.
    :ivar key: the container runtime's ID for it; empty where it has none.    :ivar restarted: it has a previous
        instance.
    :ivar since: seconds since 1970; 0 while it does not run.
    """

    name: str
    image: str
    state: str
    why: str = ""
    ready: bool = False
    restarts: int = 0
    init: bool = False
    key: str = ""
    restarted: bool = False
    since: float = 0.0
    ports: tuple[int, ...] = ()

    @property
    def colour(self) -> str:
        """A state of :data:`desktop.ui.theme.STATE_COLOURS`."""
        return colour(self.state, ready=self.ready or not self.since)


@dataclass(frozen=True)
class Pod:
    """One pod. :ivar status: its state in words.    :ivar why: the whole message; may be empty.    :ivar workload:
    kind and name of what it belongs to, the deployment rather than its replica set; may be empty."""

    meta: Meta
    status: str
    why: str
    containers: tuple[PodContainer, ...]
    restarts: int = 0
    node: str = ""
    address: str = ""
    is_ready: bool = False
    workload: tuple[str, str] = ("", "")
    use: Use | None = None

    @property
    def ready(self) -> str:
        """``1/2``, as kubectl has it."""
        main = [one for one in self.containers if not one.init]
        return f"{sum(one.ready for one in main)}/{len(main)}"

    @property
    def colour(self) -> str:
        """A state of :data:`desktop.ui.theme.STATE_COLOURS`."""
        return colour(self.status, ready=self.is_ready)

    @property
    def failing(self) -> bool:
        """Whether it does not come up by itself, as it seems."""
        return self.colour == "failed"


def colour(status: str, *, ready: bool) -> str:
    """The state whose colour a pod or container has."""
    word = status.partition(":")[0]
    if word == "Running":
        return "running" if ready else "starting"
    if word == "Terminating":
        return "stopping"
    if word in FINE:
        return ""
    if word == "Pending" and ":" in status:
        return "failed"  # it fits nowhere
    return "starting" if word in CHANGING or word.startswith("Init ") else "failed"


def pod(item: Json) -> Pod:
    """Out of the API's JSON."""
    meta, spec, status = Meta.of(item), item.get("spec") or {}, item.get("status") or {}
    containers = _containers(spec, status)
    conditions = {one["type"]: one for one in status.get("conditions") or ()}
    ready = (conditions.get("Ready") or {}).get("status") == "True"
    words, why = _status(meta, status, containers, conditions, ready=ready)
    return Pod(
        meta,
        words,
        why,
        containers,
        sum(one.restarts for one in containers if not one.init),
        str(spec.get("nodeName") or ""),
        str(status.get("podIP") or ""),
        ready,
        _workload(meta, (item.get("metadata") or {}).get("labels") or {}),
    )


def _containers(spec: Json, status: Json) -> tuple[PodContainer, ...]:
    made = []
    for part, init in (("initContainers", True), ("containers", False), ("ephemeralContainers", False)):
        key = {"initContainers": "initContainerStatuses", "containers": "containerStatuses"}
        known = {one["name"]: one for one in status.get(key.get(part, "ephemeralContainerStatuses")) or ()}
        made += [_container(one, known.get(one["name"]) or {}, init=init) for one in spec.get(part) or ()]
    return tuple(made)


def _container(spec: Json, status: Json, *, init: bool) -> PodContainer:
    state, last = status.get("state") or {}, (status.get("lastState") or {}).get("terminated")
    words, why = _state(state, last)
    identity = str(status.get("containerID") or "")
    return PodContainer(
        str(spec["name"]),
        str(spec.get("image") or ""),
        words,
        why,
        bool(status.get("ready")),
        int(status.get("restartCount") or 0),
        init,
        identity.partition("://")[2],
        last is not None,
        timestamp(str((state.get("running") or {}).get("startedAt") or "")),
        tuple(int(one["containerPort"]) for one in spec.get("ports") or () if one.get("protocol", "TCP") == "TCP"),
    )


def _state(state: Json, last: Json | None) -> tuple[str, str]:
    """A container's state in words, and the whole message."""
    if "waiting" in state:
        waiting = state["waiting"]
        reason, message = str(waiting.get("reason") or "Pending"), str(waiting.get("message") or "")
        if reason == "CrashLoopBackOff" and last is not None:
            words = exit_words(int(last.get("exitCode") or 0), str(last.get("reason") or ""))
            return f"{reason}: {words}", "\n".join(filter(None, (message, str(last.get("message") or ""))))
        return _with(reason, short(message)), message
    if "terminated" in state:
        ended = state["terminated"]
        reason, code = str(ended.get("reason") or ""), int(ended.get("exitCode") or 0)
        message = str(ended.get("message") or "")
        if code == 0 and reason in ("", "Completed"):
            return "Completed", message
        return _with(reason or "Error", short(message) or exit_words(code, reason)), message
    return ("Running" if "running" in state else "Pending"), ""


def _with(reason: str, words: str) -> str:
    return f"{reason}: {words}" if words else reason


def _status(
    meta: Meta, status: Json, containers: tuple[PodContainer, ...], conditions: Json, *, ready: bool
) -> tuple[str, str]:
    """As kubectl's printPod does it, where there is more to say with the reason."""
    if meta.deleting:
        return "Terminating", ""
    phase, reason = str(status.get("phase") or "Pending"), str(status.get("reason") or "")
    message = str(status.get("message") or "")
    if reason:  # Evicted, NodeLost …
        return _with(reason, short(message)), message
    scheduled = conditions.get("PodScheduled") or {}
    if phase == "Pending" and scheduled.get("status") == "False":
        said = str(scheduled.get("message") or "")
        return _with("Pending", short(said) or "no node takes it"), said
    first = [one for one in containers if one.init]
    open_ = [one for one in first if one.state != "Completed" and not (one.state == "Running" and one.ready)]
    if open_ and phase == "Pending":
        at = open_[0]
        if at.state in ("Running", "Pending", "PodInitializing"):
            return f"Init {len(first) - len(open_)}/{len(first)}", at.why
        return f"Init {at.state}", at.why
    main = [one for one in containers if not one.init]
    wrong = next((one for one in main if one.state not in (*FINE, "Pending")), None)
    if wrong is not None:
        return wrong.state, wrong.why
    if any(one.state == "Running" for one in main):
        return ("Running" if ready else "NotReady"), message
    if main and all(one.state == "Completed" for one in main):
        return "Completed", message
    return phase, message


def _workload(meta: Meta, labels: Json) -> tuple[str, str]:
    kind, name = meta.owner
    mark = labels.get(TEMPLATE_HASH)
    if kind == "ReplicaSet" and mark and name.endswith(f"-{mark}"):
        return "Deployment", name.removesuffix(f"-{mark}")
    return kind, name


def ports(item: Pod) -> list[int]:
    """The ports that its containers declare."""
    return list(dict.fromkeys(port for one in item.containers for port in one.ports))


def with_use(item: Pod, use: Use | None) -> Pod:
    """A pod with what it uses; the same one where nothing has changed."""
    return item if item.use == use else replace(item, use=use)


def problems(pods: Iterable[Pod]) -> dict[tuple[str, str, str], Pod]:
    """Namespace, kind and name of workloads → a pod of each that fails."""
    return {(one.meta.namespace, *one.workload): one for one in pods if one.failing}


def searched(item: Pod) -> str:
    """The text that the search looks at."""
    images = " ".join(one.image for one in item.containers)
    return f"{item.meta.name} {item.meta.namespace} {item.status} {item.workload[1]} {item.node} {images}"


def _owner(item: Pod) -> str:
    return " ".join(item.workload).strip()


def _tip(item: Pod) -> str:
    return f"{item.status}\n{item.why}".strip()


def _of_use(value: Callable[[Use], T], otherwise: T) -> Callable[[Pod], T]:
    return lambda item: otherwise if item.use is None else value(item.use)


NAME, SPACE, STATUS, READY, RESTARTS, OWNER, CPU, MEMORY, CREATED = range(9)

COLUMNS = (
    name_column(),
    NAMESPACE,
    Column("Status", lambda item: item.status, lambda item: (not item.failing, item.status), _tip, width=236),
    Column("Ready", lambda item: item.ready, width=64),
    Column("Restarts", lambda item: str(item.restarts or ""), lambda item: item.restarts, width=76, right=True),
    Column("Belongs to", _owner, width=150, rank=4),
    Column(
        "CPUs",
        _of_use(lambda use: use.cpu_text, ""),
        _of_use(lambda use: use.cpus, -1.0),
        width=60,
        right=True,
        rank=3,
    ),
    Column(
        "Memory",
        _of_use(lambda use: use.memory_text, ""),
        _of_use(lambda use: use.memory, -1.0),
        width=84,
        right=True,
        rank=3,
    ),
    AGE,
)

CONTAINER_COLUMNS = (
    Column("Container", lambda item: item.name + (" (init)" if item.init else ""), width=170),
    Column("State", lambda item: item.state, tip=lambda item: f"{item.state}\n{item.why}".strip(), width=250),
    Column("Image", lambda item: item.image, width=0),
    Column("Restarts", lambda item: str(item.restarts or ""), lambda item: item.restarts, width=76, right=True),
    Column("Started", lambda item: age(item.since) if item.since else "", lambda item: -item.since, width=112),
)


def describe(item: Any) -> str:
    """A pod in one line, for its page."""
    parts = [item.status, item.meta.namespace, " ".join(item.workload).strip(), item.address]
    return "  ·  ".join(part for part in parts if part)
