"""Events as rows, the newest first."""

from __future__ import annotations

from dataclasses import dataclass

from desktop.ui.models.format import age
from desktop.ui.models.kubernetes.meta import NAMESPACE, Json, Meta
from desktop.ui.models.records import Column
from desktop.ui.models.volumes import timestamp

WARNING = "Warning"


@dataclass(frozen=True)
class Happened:
    """One event.

    :ivar about: kind and name of the object.    :ivar uid: the object's.    :ivar last: seconds since 1970.
    :ivar source: which part of the cluster has said it.
    """

    meta: Meta
    type: str
    about: tuple[str, str]
    uid: str
    reason: str
    message: str
    count: int
    last: float
    source: str = ""

    @property
    def warning(self) -> bool:
        """Whether something is wrong."""
        return self.type == WARNING


def happened(item: Json) -> Happened:
    """Out of the API's JSON; parts of the cluster fill in different fields."""
    about, series = item.get("involvedObject") or {}, item.get("series") or {}
    times = (series.get("lastObservedTime"), item.get("lastTimestamp"), item.get("eventTime"))
    source = (item.get("source") or {}).get("component") or item.get("reportingComponent") or ""
    meta = Meta.of(item)
    return Happened(
        meta,
        str(item.get("type") or ""),
        (str(about.get("kind") or ""), str(about.get("name") or "")),
        str(about.get("uid") or ""),
        str(item.get("reason") or ""),
        str(item.get("message") or "").strip(),
        int(series.get("count") or item.get("count") or 1),
        next((timestamp(one) for one in times if one), meta.created),
        str(source),
    )


def searched(item: Happened) -> str:
    """The text that the search looks at."""
    return f"{' '.join(item.about)} {item.meta.namespace} {item.reason} {item.message} {item.source}"


OBJECT, SPACE, REASON, MESSAGE, COUNT, LAST = range(6)

COLUMNS = (
    Column("Object", lambda item: " ".join(item.about), width=210),
    NAMESPACE,
    Column("Reason", lambda item: item.reason, width=140, rank=2),
    Column("Message", lambda item: item.message.replace("\n", " "), tip=lambda item: item.message, width=0),
    Column(
        "Times",
        lambda item: str(item.count) if item.count > 1 else "",
        lambda item: item.count,
        width=60,
        right=True,
        rank=3,
    ),
    Column("Last", lambda item: age(item.last), lambda item: -item.last, width=112),
)
