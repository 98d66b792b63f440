"""ConfigMaps and Secrets as rows. Values stay in the cluster until somebody asks for one."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass

from desktop.ui.models.format import counted
from desktop.ui.models.kubernetes.meta import AGE, NAMESPACE, Json, Meta, name_column
from desktop.ui.models.records import Column
from engine.kubernetes.client.kinds import SECRETS, Kind

MASK = "••••••••"
"""In the place of a secret's value, whatever its length."""


@dataclass(frozen=True)
class Config:
    """One of them. :ivar type: of a secret, such as ``Opaque``.    :ivar keys: the names of its values."""

    kind: Kind
    meta: Meta
    type: str
    keys: tuple[str, ...]

    @property
    def secret(self) -> bool:
        """Whether its values are masked."""
        return self.kind is SECRETS


def maker(kind: Kind) -> Callable[[Json], Config]:
    """What makes records of a kind out of the API's JSON."""

    def make(item: Json) -> Config:
        keys = (*(item.get("data") or {}), *(item.get("binaryData") or {}))
        return Config(kind, Meta.of(item), str(item.get("type") or ""), tuple(sorted(keys)))

    return make


def value(item: Json, key: str) -> str:
    """A value of an object; what is no text is said with its size."""
    if item.get("kind") == SECRETS.name or key not in (item.get("data") or {}):
        coded = (item.get("data") or {}).get(key) or (item.get("binaryData") or {}).get(key) or ""
        try:
            data = base64.b64decode(coded)
            return data.decode("utf-8")
        except UnicodeDecodeError:
            return counted(len(data), "byte")
        except binascii.Error:
            return "damaged"
    return str(item["data"][key])


def searched(item: Config) -> str:
    """The text that the search looks at."""
    return f"{item.meta.name} {item.meta.namespace} {item.kind.name} {item.type} {' '.join(item.keys)}"


NAME, SPACE, KIND, KEYS, CREATED = range(5)

COLUMNS = (
    name_column(),
    NAMESPACE,
    Column("Kind", lambda item: f"Secret, {item.type}" if item.secret else item.kind.name, width=240),
    Column("Keys", lambda item: ", ".join(item.keys), lambda item: len(item.keys), width=240),
    AGE,
)
