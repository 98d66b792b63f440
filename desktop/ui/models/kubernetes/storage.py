"""Volume claims and volumes as rows."""

from __future__ import annotations

from dataclasses import dataclass

from desktop.ui.models.kubernetes.meta import AGE, NAMESPACE, Json, Meta, name_column
from desktop.ui.models.records import Column
from engine.kubernetes.client.kinds import CLAIMS, VOLUMES, Kind

COLOURS = {"Bound": "running", "Available": "", "Released": "stopping", "Pending": "starting"}
"""A phase → a state of :data:`desktop.ui.theme.STATE_COLOURS`; ``failed`` for any other."""


@dataclass(frozen=True)
class Storage:
    """A claim or a volume. :ivar size: as the API writes it.    :ivar other: what it is bound to"""

    kind: Kind
    meta: Meta
    status: str
    size: str
    storage_class: str
    other: str

    @property
    def colour(self) -> str:
        """A state of :data:`desktop.ui.theme.STATE_COLOURS`."""
        return COLOURS.get(self.status, "failed")


def claim(item: Json) -> Storage:
    """A claim out of the API's JSON."""
    spec, status = item.get("spec") or {}, item.get("status") or {}
    wanted = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    size = (status.get("capacity") or {}).get("storage") or wanted or ""
    return _made(CLAIMS, item, str(size), str(spec.get("volumeName") or ""))


def volume(item: Json) -> Storage:
    """A volume out of the API's JSON."""
    spec = item.get("spec") or {}
    bound = spec.get("claimRef") or {}
    size = str((spec.get("capacity") or {}).get("storage") or "")
    return _made(VOLUMES, item, size, "/".join(filter(None, (bound.get("namespace"), bound.get("name")))))


def _made(kind: Kind, item: Json, size: str, other: str) -> Storage:
    spec, status = item.get("spec") or {}, item.get("status") or {}
    return Storage(
        kind,
        Meta.of(item),
        str(status.get("phase") or "Pending"),
        size,
        str(spec.get("storageClassName") or ""),
        other,
    )


def searched(item: Storage) -> str:
    """The text that the search looks at."""
    return f"{item.meta.name} {item.meta.namespace} {item.status} {item.storage_class} {item.other}"


NAME, SPACE, KIND, STATUS, SIZE, CLASS, OTHER, CREATED = range(8)

COLUMNS = (
    name_column(),
    NAMESPACE,
    Column("Kind", lambda item: "Claim" if item.kind is CLAIMS else "Volume", width=80),
    Column("Status", lambda item: item.status, width=100),
    Column("Size", lambda item: item.size, width=80, right=True),
    Column("Class", lambda item: item.storage_class, width=110, rank=3),
    Column("Bound to", lambda item: item.other, width=200, rank=4),
    AGE,
)
