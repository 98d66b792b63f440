"""Containers as rows: those of a compose project below its row, the others on their own."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from desktop.control.schema import PortReport
from desktop.ui.models.busy import NEW, Doing
from desktop.ui.models.exits import exit_code, reason, with_reason
from desktop.ui.models.format import age, binary_size, counted
from desktop.ui.models.origin import HERE, Origin
from desktop.ui.models.records import Column, Row
from desktop.ui.models.stats import CPU_FLOOR, MEMORY_FLOOR, Usage, words
from engine.client.models import Container, Port

PROJECT = "com.docker.compose.project"
POD, IN_POD = "io.kubernetes.pod.name", "io.kubernetes.container.name"
"""Labels of containers: what they belong to, and of a pod's its name there."""

NOTHING: Mapping[str, Doing] = {}

HEALTH = re.compile(r"\((?:health: )?(healthy|unhealthy|starting)\)")


@dataclass(frozen=True)
class Line:
    """One container, or a compose project with its containers.

    :ivar health: healthy, unhealthy, starting; empty without a health check.    :ivar origin: its engine.
    :ivar doing: the operation under way on it.
    """

    name: str
    state: str
    status: str
    containers: tuple[Container, ...]
    health: str = ""
    group: bool = False
    usage: Usage | None = None
    origin: Origin = HERE
    doing: Doing | None = None

    @property
    def colour(self) -> str:
        """The state whose colour it has."""
        if self.doing:
            return "starting"
        return "failed" if exit_code(self.status) else self.health or self.state

    @property
    def is_new(self) -> bool:
        """Whether the engine does not know it yet."""
        return self.containers[0].id.startswith(NEW)

    @property
    def in_pod(self) -> bool:
        """Whether it belongs to a pod of Kubernetes, whose page shows it."""
        return is_in_pod(self.containers[0])

    @property
    def container(self) -> Container | None:
        """The container; None for a project."""
        return None if self.group else self.containers[0]

    @property
    def ports(self) -> tuple[Port, ...]:
        """The ports published now, each once (IPv4 and IPv6 count as one)."""
        alive = (item for item in self.containers if item.state in ("running", "paused"))
        found = {(p.host_port, p.port, p.protocol): p for item in alive for p in item.ports if p.host_port}
        return tuple(found[key] for key in sorted(found, key=str))


def line(
    container: Container, usage: Usage | None = None, origin: Origin = HERE, doing: Doing | None = None
) -> Line:
    """One container's line."""
    found = HEALTH.search(container.status)
    return Line(
        container.labels.get(IN_POD) or container.name,
        container.state,
        with_reason(container.status) if doing is None else doing.text,
        (container,),
        found[1] if found else "",
        usage=usage,
        origin=origin,
        doing=doing,
    )


def project_line(name: str, lines: Iterable[Line]) -> Line:
    """The line of a compose project."""
    parts = tuple(lines)
    running = sum(part.state == "running" for part in parts)
    used = [part.usage for part in parts if part.usage is not None]
    usage = Usage.total(used)
    state = "running" if running else parts[0].state
    containers = tuple(container for part in parts for container in part.containers)
    status = f"{running} of {len(parts)} running"
    doing = next((part.doing for part in parts if part.doing is not None), None)
    status = status if doing is None else doing.text
    return Line(name, state, status, containers, group=True, usage=usage, origin=parts[0].origin, doing=doing)


def rows(
    containers: Iterable[Container],
    stats: Mapping[str, Usage],
    before: Iterable[Row] = (),
    origin: Origin = HERE,
    doing: Mapping[str, Doing] = NOTHING,
) -> list[Row]:
    """Projects and pods with their containers, then the other containers.

    :param before: the current rows; unchanged ones are kept.    :param origin: the engine of all of them.
    :param doing: ID → the operation under way.
    """
    known = {row.key: row for group in before for row in (group, *group.children)}
    projects: dict[str, list[Row]] = {}
    alone: list[Row] = []
    for container in containers:
        row, usage = known.get(container.id), stats.get(container.id)
        if row is None or not _is_same(row.record, container, usage, origin, doing.get(container.id)):
            row = Row(container.id, line(container, usage, origin, doing.get(container.id)))
        project = container.labels.get(PROJECT) or container.labels.get(POD)
        (projects.setdefault(project, []) if project else alone).append(row)
    made = []
    for name, members in projects.items():
        key, children = origin.key(f"project {name}"), tuple(members)
        row = known.get(key)
        if row is None or row.children != children:
            row = Row(key, project_line(name, [child.record for child in children]), children)
        made.append(row)
    return made + alone


def _is_same(line: Line, container: Container, usage: Usage | None, origin: Origin, doing: Doing | None) -> bool:
    same = line.containers[0] is container and line.origin == origin
    return same and line.usage == usage and line.doing == doing


def is_in_pod(container: Container) -> bool:
    """Whether it belongs to a pod of Kubernetes, whose page shows it."""
    return POD in container.labels


def port_text(port: Port) -> str:
    """``8080:80``, with the protocol unless it is TCP."""
    return f"{port.host_port}:{port.port}" + ("" if port.protocol == "tcp" else f"/{port.protocol}")


HTTPS = (443, 8443)
EVERYWHERE = ("", "0.0.0.0", "::")


def port_address(port: Port, host: str = "localhost") -> str:
    """The URL of a published port for a browser. :param host: the engine's computer."""
    return f"{'https' if port.port in HTTPS else 'http'}://{port_place(port, host)}/"


def port_place(port: Port, host: str = "localhost") -> str:
    """Address and number of a published port on the engine's computer ``host``."""
    host = host if port.host_ip in EVERYWHERE else port.host_ip
    return f"[{host}]:{port.host_port}" if ":" in host else f"{host}:{port.host_port}"


def reachability(reports: Sequence[PortReport]) -> str:
    """Who can connect to a published port, given where the host listens for it; else why the host does not."""
    listened = [ipaddress.ip_address(one.address) for one in reports if not one.failure]
    if not listened:
        return next((one.failure for one in reports), "")
    if all(address.is_loopback for address in listened):
        return "reachable from your computer only"
    if any(address.is_unspecified for address in listened):
        return "reachable from your networks"
    return f"listening on {', '.join(map(str, listened))}"


def _image(item: Line) -> str:
    if item.container is None:
        return counted(len(item.containers), "container")
    name = item.container.image
    return name[7:19] if name.startswith("sha256:") else name


def _created(item: Line) -> int:
    return max(container.created for container in item.containers)


def searched(item: Line) -> str:
    """The text that the search looks at."""
    parts = [item.name, item.status, *(port_text(port) for port in item.ports)]
    for container in item.containers if not item.group else ():
        parts += [container.image, container.id, container.labels.get(PROJECT, ""), container.name]
    return " ".join(parts)


FACETS = ("status", "health", "label", "network", "volume", "ancestor", "name", "id")
"""The filters of ``docker ps`` that the search understands."""


def facets(item: Line) -> dict[str, tuple[str, ...]]:
    """The values that those filters compare, by filter."""
    found: dict[str, list[str]] = {name: [] for name in FACETS}
    for container in item.containers:
        found["status"].append(container.state)
        found["label"] += [f"{name}={value}" for name, value in container.labels.items()]
        found["network"] += container.networks
        found["volume"] += [str(mount.get("Name") or mount.get("Source") or "") for mount in container.mounts]
        found["ancestor"] += [container.image, container.image_id]
        found["name"].append(container.name)
        found["id"].append(container.id)
    found["health"].append(item.health or "none")
    return {name: tuple(values) for name, values in found.items()}


def cpu_text(percent: float) -> str:
    """Percent of one processor."""
    return f"{percent:.1f} %"


NAME, IMAGE, PLATFORM, STATUS, CPU, CPU_TREND, MEMORY, MEMORY_TREND, PORTS, CREATED = range(10)

COLUMNS = (
    Column("Name", lambda item: item.name, width=0, least=250),
    Column("Image", _image, width=130, rank=5),
    Column("Platform", lambda item: item.origin.platform, width=124, rank=4),
    Column(
        "Status",
        lambda item: item.status,
        lambda item: (item.state != "running", item.status),
        lambda item: f"{item.status}\n{reason(item.status)}".strip(),
        width=226,
    ),
    Column(
        "CPU",
        lambda item: cpu_text(item.usage.cpu) if item.usage else "",
        lambda item: item.usage.cpu if item.usage else -1.0,
        width=70,
        right=True,
        rank=2,
    ),
    Column(
        "CPU history",
        lambda item: words(item.usage.cpu_trend, cpu_text) if item.usage else "",
        lambda item: item.usage.cpu if item.usage else -1.0,
        width=96,
        rank=6,
    ),
    Column(
        "Memory",
        lambda item: binary_size(item.usage.memory) if item.usage else "",
        lambda item: item.usage.memory if item.usage else -1,
        width=80,
        right=True,
        rank=3,
    ),
    Column(
        "Memory history",
        lambda item: words(item.usage.memory_trend, binary_size) if item.usage else "",
        lambda item: item.usage.memory if item.usage else -1,
        width=110,
        rank=6,
        wanted=False,
    ),
    Column(
        "Ports",
        lambda item: ", ".join(port_text(port) for port in item.ports),
        lambda item: [port.host_port or 0 for port in item.ports],
        width=176,
        rank=1,
    ),
    Column("Created", lambda item: age(_created(item)), lambda item: -_created(item), width=112, rank=7),
)

TRENDS = {
    CPU_TREND: (lambda item: item.usage.cpu_trend if item.usage else (), CPU_FLOOR),
    MEMORY_TREND: (lambda item: item.usage.memory_trend if item.usage else (), MEMORY_FLOOR),
}
"""Column → the values of its line, and the least value at the upper edge."""
