"""What nodes and pods use, as metrics.k8s.io has it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from desktop.ui.models.format import binary_size
from desktop.ui.models.kubernetes.meta import Json
from desktop.ui.models.kubernetes.nodes import quantity

CPU_STEP, MEMORY_STEP = 0.01, 2**20
"""Figures are rounded to these: a row that says the same is not drawn again."""


@dataclass(frozen=True)
class Use:
    """Of a node or a pod. :ivar cpus: processors, on average over some seconds.    :ivar memory: bytes."""

    cpus: float = 0.0
    memory: float = 0.0

    @property
    def cpu_text(self) -> str:
        """``0.25``, in processors."""
        return f"{self.cpus:.2f}"

    @property
    def memory_text(self) -> str:
        """``128 MiB``."""
        return binary_size(self.memory)

    def of_cpus(self, count: float) -> str:
        """In words. :param count: how many there are"""
        return f"{self.cpu_text} of {count:g} in use{_share(self.cpus, count)}"

    def of_memory(self, size: float) -> str:
        """In words. :param size: how much there is"""
        return f"{self.memory_text} of {binary_size(size)} in use{_share(self.memory, size)}"


def _share(part: float, whole: float) -> str:
    return f" ({part / whole:.0%})" if whole else ""


@dataclass(frozen=True)
class Usage:
    """Of a cluster. :ivar nodes: by name.    :ivar pods: by namespace and name, as in :attr:`Meta.key`."""

    nodes: dict[str, Use]
    pods: dict[str, Use]


def usage(nodes: Iterable[Json], pods: Iterable[Json]) -> Usage:
    """Out of the API's JSON, of lists of NodeMetrics and PodMetrics."""
    return Usage(
        {str(one["metadata"]["name"]): _use([one]) for one in nodes},
        {f"{one['metadata']['namespace']}/{one['metadata']['name']}": _use(one["containers"]) for one in pods},
    )


def _use(parts: Iterable[Json]) -> Use:
    found = [part.get("usage") or {} for part in parts]
    cpus = sum(quantity(str(one.get("cpu") or "0")) for one in found)
    memory = sum(quantity(str(one.get("memory") or "0")) for one in found)
    return Use(round(cpus / CPU_STEP) * CPU_STEP, round(memory / MEMORY_STEP) * MEMORY_STEP)
