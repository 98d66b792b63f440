"""What every object of a cluster has: its name, namespace, age and owner."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from desktop.ui.models.format import age
from desktop.ui.models.records import Column, Row
from desktop.ui.models.volumes import timestamp

Json = dict[str, Any]


@dataclass(frozen=True)
class Meta:
    """Of one object.

    :ivar created: seconds since 1970.    :ivar deleting: whether it is being deleted.
    :ivar owner: kind and name of what it belongs to, such as ``("ReplicaSet", "web-5d4f")``; empty for nothing.
    """

    uid: str
    name: str
    namespace: str = ""
    created: float = 0.0
    deleting: bool = False
    owner: tuple[str, str] = ("", "")

    @classmethod
    def of(cls, item: Json) -> Meta:
        """That of an object."""
        meta = item.get("metadata") or {}
        owners = meta.get("ownerReferences") or ()
        owner = next((one for one in owners if one.get("controller")), None) or {}
        return cls(
            str(meta.get("uid") or ""),
            str(meta.get("name") or ""),
            str(meta.get("namespace") or ""),
            timestamp(str(meta.get("creationTimestamp") or "")),
            bool(meta.get("deletionTimestamp")),
            (str(owner.get("kind") or ""), str(owner.get("name") or "")),
        )

    @property
    def key(self) -> str:
        """Namespace and name in one text."""
        return f"{self.namespace}/{self.name}"


class Named(Protocol):
    """A record of an object."""

    @property
    def meta(self) -> Meta:
        """What it has in common with all others."""


def rows(records: Iterable[Named], before: Iterable[Row]) -> list[Row]:
    """One row for each record. :param before: the current rows; those of the same records are kept"""
    known = {row.key: row for row in before}
    made = []
    for record in records:
        row = known.get(record.meta.uid)
        made.append(row if row is not None and row.record is record else Row(record.meta.uid, record))
    return made


def name_column(title: str = "Name") -> Column:
    """The object's name, which takes the remaining width."""
    return Column(title, lambda item: item.meta.name, width=0, least=200)


NAMESPACE = Column("Namespace", lambda item: item.meta.namespace, width=110)
AGE = Column("Created", lambda item: age(item.meta.created), lambda item: -item.meta.created, width=112, rank=2)
