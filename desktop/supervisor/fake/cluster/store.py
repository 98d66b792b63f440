"""Objects by kind, namespace and name, each with a version; changes are kept for watchers, as in etcd."""

from __future__ import annotations

import asyncio
import copy
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from desktop.supervisor.fake.tape import Tape
from desktop.supervisor.fake.world import Json
from engine.kubernetes.client.kinds import BY_NAME, Kind

KEPT = 5000
"""Changes until a watcher's version has expired."""


class Denied(Exception):
    """The API's answer is an error. :ivar status: of HTTP.    :ivar reason: of the API's Status."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status, self.reason = status, reason


@dataclass(frozen=True)
class Entry:
    """One change. :ivar type: ``ADDED``, ``MODIFIED`` or ``DELETED``."""

    type: str
    kind: str
    item: Json


def stamp(ago: float = 0.0) -> str:
    """A time as the API writes it. :param ago: seconds"""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - ago))


class Store:
    """All objects of the cluster. :ivar changed: called after each change, for the controllers."""

    def __init__(self) -> None:
        self._items: dict[str, dict[tuple[str, str], Json]] = {name: {} for name in BY_NAME}
        self.tape = Tape[Entry](KEPT)
        self.happened = asyncio.Condition()
        self.changed: Callable[[], None] = lambda: None

    @property
    def version(self) -> int:
        """That of the latest change."""
        return self.tape.end

    def list(self, kind: Kind, namespace: str = "") -> list[Json]:
        """All of a kind, in the API's order."""
        found = self._items[kind.name]
        return [found[key] for key in sorted(found) if not namespace or key[0] == namespace]

    def get(self, kind: Kind, namespace: str, name: str) -> Json:
        """One. :raise Denied: there is none."""
        item = self._items[kind.name].get((namespace if kind.namespaced else "", name))
        if item is None:
            raise Denied(404, "NotFound", f'{kind.plural} "{name}" not found')
        return item

    def find(self, kind: Kind, namespace: str, name: str) -> Json | None:
        """One, or None."""
        return self._items[kind.name].get((namespace if kind.namespaced else "", name))

    def add(self, kind: Kind, item: Json, *, age: float = 0.0) -> Json:
        """Store a new object; what the API fills in is filled in. :param age: seconds since it was made"""
        meta = item["metadata"]
        if kind.namespaced:
            meta.setdefault("namespace", "default")
        item = {"apiVersion": kind.api, "kind": kind.name, **item}
        meta.setdefault("uid", str(uuid.uuid4()))
        meta.setdefault("creationTimestamp", stamp(age))
        meta.setdefault("generation", 1)
        key = (meta.get("namespace", ""), meta["name"])
        if key in self._items[kind.name]:
            raise Denied(409, "AlreadyExists", f'{kind.plural} "{meta["name"]}" already exists')
        self._items[kind.name][key] = item
        self._tell("ADDED", kind, item)
        return item

    def put(self, kind: Kind, item: Json) -> Json:
        """Store a changed object."""
        meta = item["metadata"]
        before = self.get(kind, meta.get("namespace", ""), meta["name"])
        if before is not item and before.get("spec") != item.get("spec"):
            meta["generation"] = before["metadata"]["generation"] + 1
        self._items[kind.name][(meta.get("namespace", ""), meta["name"])] = item
        self._tell("MODIFIED", kind, item)
        return item

    def put_status(self, kind: Kind, item: Json) -> None:
        """Store an object of which no controller has to know that it has changed."""
        self._note("MODIFIED", kind, item)

    def remove(self, kind: Kind, namespace: str, name: str) -> Json:
        """Delete an object. :raise Denied: there is none."""
        item = self.get(kind, namespace, name)
        del self._items[kind.name][(item["metadata"].get("namespace", ""), name)]
        self._tell("DELETED", kind, item)
        return item

    def _tell(self, what: str, kind: Kind, item: Json) -> None:
        self._note(what, kind, item)
        self.changed()

    def _note(self, what: str, kind: Kind, item: Json) -> None:
        item["metadata"]["resourceVersion"] = str(self.tape.end + 1)
        self.tape.add(Entry(what, kind.name, copy.deepcopy(item)))
        asyncio.get_running_loop().create_task(self._wake())

    async def _wake(self) -> None:
        async with self.happened:
            self.happened.notify_all()
