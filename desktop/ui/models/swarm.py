"""Services, tasks and nodes of a swarm as rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from desktop.ui.models.format import age, short_id
from desktop.ui.models.records import Column, Row
from desktop.ui.models.volumes import timestamp
from engine.client.models import Node, Service, Task

REPLICATED = "replicated"
DRAINED, ACTIVE = "drain", "active"


def replicas(service: Service) -> str:
    """Running and desired, as ``docker service ls`` has it."""
    updating = f", {service.update}" if service.update in ("updating", "paused", "rollback_started") else ""
    return f"{service.running}/{service.desired}{updating}"


def health(service: Service) -> str:
    """A state of :data:`desktop.ui.theme.STATE_COLOURS`."""
    if service.running >= service.desired:
        return "running" if service.desired else ""
    return "starting" if service.running else "failed"


def ports(service: Service) -> str:
    """Published ports, as lists of containers have them."""
    return ", ".join(f"{port.published}:{port.target}/{port.protocol}" for port in service.ports if port.published)


def service_rows(services: Iterable[Service]) -> list[Row]:
    """One row for each service."""
    return [Row(item.id, item) for item in services]


SERVICE_COLUMNS = (
    Column("Name", lambda item: item.name, width=0),
    Column("Mode", lambda item: item.mode, width=110),
    Column("Replicas", replicas, lambda item: item.running, width=130),
    Column("Image", lambda item: item.image, width=220),
    Column("Ports", ports, width=170),
)


@dataclass(frozen=True)
class TaskLine:
    """A task. :ivar name: ``web.1``.    :ivar node: its node's name."""

    task: Task
    name: str
    node: str


def task_rows(tasks: Iterable[Task], service: str, nodes: Iterable[Node]) -> list[Row]:
    """One row for each task, those that should run first, then the newest."""
    names = {node.id: node.name for node in nodes}
    found = sorted(tasks, key=lambda task: timestamp(task.since), reverse=True)
    found.sort(key=lambda task: task.wanted != "running")
    return [
        Row(
            task.id,
            TaskLine(task, f"{service}.{task.slot or short_id(task.node)}", names.get(task.node, task.node[:12])),
        )
        for task in found
    ]


def _since(line: TaskLine) -> float:
    return timestamp(line.task.since)


TASK_COLUMNS = (
    Column("Task", lambda line: line.name, width=140),
    Column("State", lambda line: line.task.state, tip=lambda line: line.task.message, width=100),
    Column("Should be", lambda line: line.task.wanted, width=100),
    Column("Node", lambda line: line.node, width=130),
    Column("Since", lambda line: age(_since(line)), lambda line: -_since(line), width=130),
    Column("Error", lambda line: line.task.error, width=0),
)


def node_rows(nodes: Iterable[Node]) -> list[Row]:
    """One row for each node."""
    return [Row(item.id, item) for item in nodes]


NODE_COLUMNS = (
    Column("Name", lambda item: item.name, width=0),
    Column("Role", lambda item: f"{item.role}, leader" if item.leader else item.role, width=140),
    Column("Status", lambda item: item.state, tip=lambda item: item.message or item.state, width=110),
    Column("Availability", lambda item: item.availability, width=110),
    Column("Address", lambda item: item.address, width=150),
    Column("Moby", lambda item: item.version, width=100),
)

NODE_STATES = {"ready": "running", "down": "failed", "disconnected": "failed"}
"""A node's state → a state of :data:`desktop.ui.theme.STATE_COLOURS`."""
