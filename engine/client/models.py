"""The engine's answers as frozen values. Unknown fields are ignored, missing ones and JSON nulls get a default.

Names and units follow the Docker Engine API v1.51; times are seconds since 1970 where the API has them so, else
its RFC 3339 text. Inspecting returns the engine's own JSON, since people want to see all of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Json = Mapping[str, Any]

OURS = "io.slipway.purpose"
"""The label of what Slipway makes in the engine for itself, and removes; lists leave it out."""


@dataclass(frozen=True)
class Version:
    """``GET /version``. :ivar components: the parts' versions: Engine, containerd, runc, docker-init."""

    version: str
    api_version: str
    min_api_version: str
    os: str
    arch: str
    kernel_version: str
    git_commit: str = ""
    go_version: str = ""
    components: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, values: Json) -> Version:
        parts = {item.get("Name", ""): item.get("Version", "") for item in values.get("Components") or ()}
        return cls(
            text(values, "Version"),
            text(values, "ApiVersion"),
            text(values, "MinAPIVersion"),
            text(values, "Os"),
            text(values, "Arch"),
            text(values, "KernelVersion"),
            text(values, "GitCommit"),
            text(values, "GoVersion"),
            parts,
        )


@dataclass(frozen=True)
class Event:
    """Something happened. :ivar time: nanoseconds since 1970."""

    kind: str
    action: str
    actor: str
    attributes: Mapping[str, str]
    time: int

    @classmethod
    def of(cls, values: Json) -> Event:
        actor = values.get("Actor") or {}
        return cls(
            text(values, "Type"),
            text(values, "Action"),
            text(actor, "ID"),
            actor.get("Attributes") or {},
            number(values, "timeNano"),
        )


@dataclass(frozen=True)
class Progress:
    """A step of a pull, push, build or load.

    :ivar id: the layer it is about; empty for the whole.    :ivar status: what goes on.
    :ivar current: bytes done.    :ivar total: bytes in all; None when unknown.
    :ivar text: a line of a build's output.    :ivar aux: what came of it (the digest, the image's ID).
    """

    id: str = ""
    status: str = ""
    current: int | None = None
    total: int | None = None
    text: str = ""
    aux: Json = field(default_factory=dict)

    @classmethod
    def of(cls, values: Json) -> Progress:
        detail = values.get("progressDetail") or {}
        return cls(
            text(values, "id"),
            text(values, "status"),
            detail.get("current"),
            detail.get("total"),
            text(values, "stream"),
            values.get("aux") or {},
        )


@dataclass(frozen=True)
class Image:
    """One of ``GET /images/json``. :ivar size: bytes. :ivar shared: of which with others; -1 when not counted."""

    id: str
    tags: tuple[str, ...]
    digests: tuple[str, ...]
    created: int
    size: int
    shared: int
    containers: int
    labels: Mapping[str, str]
    parent: str = ""

    @classmethod
    def of(cls, values: Json) -> Image:
        return cls(
            text(values, "Id"),
            tuple(values.get("RepoTags") or ()),
            tuple(values.get("RepoDigests") or ()),
            number(values, "Created"),
            number(values, "Size"),
            number(values, "SharedSize", -1),
            number(values, "Containers", -1),
            values.get("Labels") or {},
            text(values, "ParentId"),
        )


@dataclass(frozen=True)
class Layer:
    """One step of an image's history, newest first. :ivar created_by: the instruction."""

    id: str
    created: int
    created_by: str
    size: int
    tags: tuple[str, ...]
    comment: str

    @classmethod
    def of(cls, values: Json) -> Layer:
        return cls(
            text(values, "Id"),
            number(values, "Created"),
            text(values, "CreatedBy"),
            number(values, "Size"),
            tuple(values.get("Tags") or ()),
            text(values, "Comment"),
        )


@dataclass(frozen=True)
class Found:
    """One of ``GET /images/search``."""

    name: str
    description: str
    stars: int
    official: bool

    @classmethod
    def of(cls, values: Json) -> Found:
        return cls(
            text(values, "name"),
            text(values, "description"),
            number(values, "star_count"),
            bool(values.get("is_official")),
        )


@dataclass(frozen=True)
class Port:
    """A port of a container. :ivar host_port: where it is published; None when it is not."""

    port: int
    protocol: str
    host_ip: str = ""
    host_port: int | None = None

    @classmethod
    def of(cls, values: Json) -> Port:
        return cls(
            number(values, "PrivatePort"), text(values, "Type"), text(values, "IP"), values.get("PublicPort")
        )


@dataclass(frozen=True)
class Container:
    """One of ``GET /containers/json``. :ivar state: created, running, paused, restarting, exited, dead."""

    id: str
    names: tuple[str, ...]
    image: str
    image_id: str
    command: str
    created: int
    state: str
    status: str
    ports: tuple[Port, ...]
    labels: Mapping[str, str]
    networks: tuple[str, ...]
    mounts: tuple[Json, ...]

    @property
    def name(self) -> str:
        """Its name without the leading slash."""
        return self.names[0].lstrip("/") if self.names else self.id[:12]

    @classmethod
    def of(cls, values: Json) -> Container:
        networks = (values.get("NetworkSettings") or {}).get("Networks") or {}
        return cls(
            text(values, "Id"),
            tuple(values.get("Names") or ()),
            text(values, "Image"),
            text(values, "ImageID"),
            text(values, "Command"),
            number(values, "Created"),
            text(values, "State"),
            text(values, "Status"),
            tuple(Port.of(item) for item in values.get("Ports") or ()),
            values.get("Labels") or {},
            tuple(networks),
            tuple(values.get("Mounts") or ()),
        )


@dataclass(frozen=True)
class ServicePort:
    """A port of a service.

    :ivar target: the container's.    :ivar published: 0 while the swarm has not chosen it yet.    :ivar ingress:
    whether every node has it, not only those that run the service.
    """

    protocol: str
    published: int
    ingress: bool
    target: int = 0

    @classmethod
    def of(cls, values: Json) -> ServicePort:
        return cls(
            text(values, "Protocol"),
            number(values, "PublishedPort"),
            values.get("PublishMode") == "ingress",
            number(values, "TargetPort"),
        )


@dataclass(frozen=True)
class Service:
    """One of ``GET /services``.

    :ivar mode: ``replicated``, ``global``, or a job's.    :ivar running, desired: tasks, if they were asked for.
    :ivar image: without its digest.    :ivar update: how the last update is: ``updating``, ``paused`` …; may be
    empty.
    """

    id: str
    name: str
    ports: tuple[ServicePort, ...]
    image: str = ""
    mode: str = ""
    running: int = 0
    desired: int = 0
    update: str = ""

    @classmethod
    def of(cls, values: Json) -> Service:
        endpoint = values.get("Endpoint") or {}
        ports = tuple(ServicePort.of(item) for item in endpoint.get("Ports") or ())
        spec, status = values.get("Spec") or {}, values.get("ServiceStatus") or {}
        container = (spec.get("TaskTemplate") or {}).get("ContainerSpec") or {}
        return cls(
            text(values, "ID"),
            text(spec, "Name"),
            ports,
            text(container, "Image").partition("@")[0],
            next(iter(spec.get("Mode") or {}), "").lower(),
            number(status, "RunningTasks"),
            number(status, "DesiredTasks"),
            text(values.get("UpdateStatus") or {}, "State"),
        )


@dataclass(frozen=True)
class Task:
    """One of ``GET /tasks``: one attempt to run a container of a service.

    :ivar slot: its number among the replicas; 0 for a global service.    :ivar message: what the swarm does about
    it.
    :ivar error: why it failed; otherwise empty.    :ivar since: RFC 3339, of its state.
    """

    id: str
    service: str
    node: str
    slot: int
    state: str
    wanted: str
    image: str
    message: str
    error: str
    since: str

    @classmethod
    def of(cls, values: Json) -> Task:
        status = values.get("Status") or {}
        container = (values.get("Spec") or {}).get("ContainerSpec") or {}
        return cls(
            text(values, "ID"),
            text(values, "ServiceID"),
            text(values, "NodeID"),
            number(values, "Slot"),
            text(status, "State"),
            text(values, "DesiredState"),
            text(container, "Image").partition("@")[0],
            text(status, "Message"),
            text(status, "Err"),
            text(status, "Timestamp"),
        )


@dataclass(frozen=True)
class Node:
    """One of ``GET /nodes``.

    :ivar role: ``manager`` or ``worker``.    :ivar availability: ``active``, ``pause`` or ``drain``.
    :ivar state: ``ready``, ``down`` …    :ivar leader: whether it leads the managers.
    """

    id: str
    name: str
    role: str
    availability: str
    state: str
    address: str
    version: str
    leader: bool
    message: str = ""

    @classmethod
    def of(cls, values: Json) -> Node:
        spec, status = values.get("Spec") or {}, values.get("Status") or {}
        description = values.get("Description") or {}
        return cls(
            text(values, "ID"),
            text(description, "Hostname"),
            text(spec, "Role"),
            text(spec, "Availability"),
            text(status, "State"),
            text(status, "Addr"),
            text(description.get("Engine") or {}, "EngineVersion"),
            bool((values.get("ManagerStatus") or {}).get("Leader")),
            text(status, "Message"),
        )


@dataclass(frozen=True)
class Volume:
    """One of ``GET /volumes``."""

    name: str
    driver: str
    mountpoint: str
    created: str
    labels: Mapping[str, str]
    scope: str

    @classmethod
    def of(cls, values: Json) -> Volume:
        return cls(
            text(values, "Name"),
            text(values, "Driver"),
            text(values, "Mountpoint"),
            text(values, "CreatedAt"),
            values.get("Labels") or {},
            text(values, "Scope"),
        )


@dataclass(frozen=True)
class Network:
    """One of ``GET /networks``. :ivar subnets: in CIDR notation."""

    id: str
    name: str
    driver: str
    scope: str
    internal: bool
    subnets: tuple[str, ...]
    labels: Mapping[str, str]

    @classmethod
    def of(cls, values: Json) -> Network:
        pools = (values.get("IPAM") or {}).get("Config") or ()
        return cls(
            text(values, "Id"),
            text(values, "Name"),
            text(values, "Driver"),
            text(values, "Scope"),
            bool(values.get("Internal")),
            tuple(text(pool, "Subnet") for pool in pools),
            values.get("Labels") or {},
        )


@dataclass(frozen=True)
class Pruned:
    """What a prune removed. :ivar reclaimed: bytes."""

    removed: tuple[str, ...]
    reclaimed: int


def text(values: Json, name: str) -> str:
    """A text field; empty when it is missing or null."""
    return str(values.get(name) or "")


def number(values: Json, name: str, missing: int = 0) -> int:
    """A whole number; ``missing`` when it is missing or null."""
    value = values.get(name)
    return missing if value is None else int(value)
