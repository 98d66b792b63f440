"""Nodes: whether they are well, what they have, and their versions."""

from __future__ import annotations

import re
from dataclasses import dataclass

from desktop.ui.models.format import binary_size
from desktop.ui.models.kubernetes.meta import Json, Meta

QUANTITY = re.compile(r"(\d+(?:\.\d+)?)([KMGTP]i|[kMGTPmun])?$")
UNITS = {"n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}
UNITS |= {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50}

PRESSURES = {
    "MemoryPressure": "memory is short",
    "DiskPressure": "the disk is nearly full",
    "PIDPressure": "there are too many processes",
    "NetworkUnavailable": "there is no network",
}
"""A condition that should not be true → what it says."""


@dataclass(frozen=True)
class Node:
    """One node.

    :ivar problems: what is wrong, in words; empty when it is well.    :ivar why: the whole messages.
    :ivar memory: bytes.    :ivar pods: how many may run on it.
    """

    meta: Meta
    ready: bool
    problems: tuple[str, ...]
    why: str
    cpus: float
    memory: float
    pods: int
    version: str
    runtime: str
    kernel: str
    unschedulable: bool = False

    @property
    def status(self) -> str:
        """In words."""
        words = ["Ready" if self.ready else "Not ready", *self.problems]
        return ", ".join([*words, *(["takes no new pods"] if self.unschedulable else [])])

    @property
    def colour(self) -> str:
        """A state of :data:`desktop.ui.theme.STATE_COLOURS`."""
        return "failed" if not self.ready else "unhealthy" if self.problems else "running"

    @property
    def resources(self) -> str:
        """What it has."""
        return f"{self.cpus:g} CPUs, {binary_size(self.memory)} of memory"


def node(item: Json) -> Node:
    """Out of the API's JSON."""
    spec, status = item.get("spec") or {}, item.get("status") or {}
    conditions = {one["type"]: one for one in status.get("conditions") or ()}
    bad = [kind for kind in PRESSURES if (conditions.get(kind) or {}).get("status") == "True"]
    ready = (conditions.get("Ready") or {}).get("status") == "True"
    told = [*bad, *([] if ready else ["Ready"])]
    capacity, info = status.get("allocatable") or status.get("capacity") or {}, status.get("nodeInfo") or {}
    return Node(
        Meta.of(item),
        ready,
        tuple(PRESSURES[kind] for kind in bad),
        "\n".join(str((conditions.get(kind) or {}).get("message") or "") for kind in told).strip(),
        quantity(str(capacity.get("cpu") or "0")),
        quantity(str(capacity.get("memory") or "0")),
        int(quantity(str(capacity.get("pods") or "0"))),
        str(info.get("kubeletVersion") or ""),
        str(info.get("containerRuntimeVersion") or "").replace("://", " "),
        str(info.get("kernelVersion") or ""),
        bool(spec.get("unschedulable")),
    )


def quantity(text: str) -> float:
    """A quantity of the API's, such as ``1500m`` or ``3922912Ki``; 0 for any other text."""
    found = QUANTITY.match(text)
    if found is None:
        return 0.0
    return float(found[1]) * UNITS.get(found[2] or "", 1.0)
