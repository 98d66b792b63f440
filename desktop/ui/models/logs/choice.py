"""Which logs are shown together: running containers, by their projects; all unless the user says otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from desktop.ui.models.containers import PROJECT
from desktop.ui.models.origin import HERE, Origin
from engine.client.models import Container

MOST = 50
"""Logs that are followed at a time: each is a stream, and costs dockerd work."""

ALIVE = ("running", "paused", "restarting")


@dataclass(frozen=True)
class Offered:
    """One container whose log can be shown. :ivar project: of compose; empty for none."""

    id: str
    name: str
    project: str = ""
    origin: Origin = HERE

    @property
    def group(self) -> str:
        """The key of its project; empty for none."""
        return self.origin.key(f"project {self.project}") if self.project else ""


def offered(containers: Iterable[Container], origin: Origin = HERE) -> list[Offered]:
    """The containers that run: projects first, each in the order of names."""
    found = [
        Offered(item.id, item.name, item.labels.get(PROJECT, ""), origin)
        for item in containers
        if item.state in ALIVE
    ]
    return sorted(found, key=lambda one: (not one.project, one.project, one.name))


@dataclass
class LogChoice:
    """What the user has ticked.

    :ivar off: keys of containers and projects without their logs.    :ivar first: those that were ticked by hand.
    """

    off: set[str] = field(default_factory=set)
    first: list[str] = field(default_factory=list)

    def tick(self, keys: Iterable[str], on: bool) -> None:
        """Show the logs of containers and projects, or do not."""
        for key in keys:
            if key in self.first:
                self.first.remove(key)
            if on:
                self.off.discard(key)
                self.first.append(key)
            else:
                self.off.add(key)

    def chosen(self, found: Sequence[Offered]) -> list[Offered]:
        """Those whose logs are shown, no more than :data:`MOST`; those that were ticked last come first."""
        wanted = [one for one in found if one.id not in self.off]
        wanted = [one for one in wanted if one.group not in self.off or one.id in self.first]
        if len(wanted) <= MOST:
            return wanted
        rank = {key: place for place, key in enumerate(self.first)}
        kept = {one.id for one in sorted(wanted, key=lambda one: -rank.get(one.id, -1))[:MOST]}
        return [one for one in wanted if one.id in kept]
