"""Services and ingresses as rows, with the addresses on localhost where they answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from desktop.ui.models.containers import HTTPS
from desktop.ui.models.kubernetes.meta import AGE, NAMESPACE, Json, Meta, name_column
from desktop.ui.models.records import Column


@dataclass(frozen=True)
class LocalPort:
    """A port of a service on the host.

    :ivar number: the host's.    :ivar target: the service's.    :ivar failure: why the host does not listen there.
    """

    number: int
    protocol: str = "tcp"
    target: int = 0
    failure: str = ""

    @property
    def text(self) -> str:
        """``localhost:8080``, with the protocol unless it is TCP; or that it is not there."""
        suffix = "" if self.protocol == "tcp" else f"/{self.protocol}"
        return f"{self.number}{suffix} is in use" if self.failure else f"localhost:{self.number}{suffix}"

    @property
    def url(self) -> str:
        """For a browser; empty where it has no use for it."""
        if self.protocol != "tcp" or self.failure:
            return ""
        return f"{'https' if {self.number, self.target} & set(HTTPS) else 'http'}://localhost:{self.number}/"


@dataclass(frozen=True)
class Service:
    """One of them.

    :ivar type: ``NodePort`` and so on, or ``Ingress``.    :ivar ports: in words.
    :ivar targets: port on the host → port.    :ivar local: where it answers on localhost.
    :ivar forwardable: its TCP ports, if it leads to pods.
    """

    meta: Meta
    type: str
    address: str
    ports: str
    targets: tuple[tuple[int, int], ...] = ()
    selector: str = ""
    local: tuple[LocalPort, ...] = ()
    forwardable: tuple[int, ...] = ()

    @property
    def is_service(self) -> bool:
        """Whether it is no ingress."""
        return self.type != "Ingress"


def service(item: Json) -> Service:
    """A service out of the API's JSON."""
    spec = item.get("spec") or {}
    ports = spec.get("ports") or ()
    targets = []
    for one in ports:
        targets += [(int(one[key]), int(one["port"])) for key in ("nodePort", "port") if one.get(key)]
    address = str(spec.get("externalName") or spec.get("clusterIP") or "")
    selector = ", ".join(f"{key}={value}" for key, value in (spec.get("selector") or {}).items())
    kind = str(spec.get("type") or "ClusterIP")
    words = ", ".join(_port(one) for one in ports)
    tcp = tuple(int(one["port"]) for one in ports if one.get("protocol", "TCP") == "TCP")
    return Service(
        Meta.of(item),
        kind,
        "none" if address == "None" else address,
        words,
        tuple(targets),
        selector,
        forwardable=tcp if selector else (),
    )


def _port(one: Json) -> str:
    target = one.get("targetPort", one["port"])
    text = str(one["port"]) if str(target) == str(one["port"]) else f"{one['port']} → {target}"
    protocol = str(one.get("protocol") or "TCP").lower()
    return text if protocol == "tcp" else f"{text}/{protocol}"


def ingress(item: Json) -> Service:
    """An ingress out of the API's JSON."""
    hosts, paths = [], []
    for rule in (item.get("spec") or {}).get("rules") or ():
        hosts.append(str(rule.get("host") or "*"))
        for path in (rule.get("http") or {}).get("paths") or ():
            target = (path.get("backend") or {}).get("service") or {}
            paths.append(f"{path.get('path') or '/'} → {target.get('name', '')}")
    return Service(Meta.of(item), "Ingress", ", ".join(hosts), ", ".join(paths))


Place = tuple[str, str]
"""Namespace and name of a service."""


def local_ports(reports: Iterable[tuple[Place, str, int, str]]) -> dict[Place, list[LocalPort]]:
    """Where services are to answer on localhost.

    :param reports: service, protocol, port, and why the host does not listen there; empty when it does.
    """
    found: dict[Place, list[LocalPort]] = {}
    for place, protocol, number, failure in sorted(reports):
        found.setdefault(place, []).append(LocalPort(number, protocol, failure=failure))
    return found


def placed(item: Service, local: Mapping[Place, list[LocalPort]]) -> tuple[LocalPort, ...]:
    """Where a service answers on localhost."""
    targets = dict(item.targets)
    found = local.get((item.meta.namespace, item.meta.name), []) if item.is_service else []
    return tuple(replace(one, target=targets.get(one.number, 0)) for one in found)


def searched(item: Service) -> str:
    """The text that the search looks at."""
    return f"{item.meta.name} {item.meta.namespace} {item.type} {item.ports} {item.address} {_local(item)}"


def _local(item: Service) -> str:
    return ", ".join(one.text for one in item.local)


def _local_tip(item: Service) -> str:
    return "\n".join([_local(item), *(one.failure for one in item.local if one.failure)])


NAME, SPACE, TYPE, LOCAL, PORTS, ADDRESS, CREATED = range(7)

COLUMNS = (
    name_column(),
    NAMESPACE,
    Column("Type", lambda item: item.type, width=118),
    Column("On your computer", _local, lambda item: [one.number for one in item.local], _local_tip, width=180),
    Column("Ports", lambda item: item.ports, width=130, rank=1),
    Column("Address", lambda item: item.address, width=120, rank=3),
    AGE,
)
