"""Bodies of requests, understood as dockerd understands them (Go's encoding/json).

Go takes a struct's keys in any case and any bytes for text; of a key that comes twice it has its own idea. What
goes on to the engine is written from what was understood here, so that both see the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from vm.errors import EngineError

JsonObject = dict[str, Any]

Shape = Mapping[str, Any]
"""The keys of a struct that we look at, as Docker's API spells them: each with ``None``, the shape of the struct
below it, or a list with the shape of each of its items."""

_MOUNT: Shape = {
    "Type": None,
    "Source": None,
    "BindOptions": {"CreateMountpoint": None},
    "VolumeOptions": {"DriverConfig": {"Name": None, "Options": None}},
}
CONTAINER: Shape = {"Env": None, "HostConfig": {"Binds": None, "ExtraHosts": None, "Mounts": [_MOUNT]}}
VOLUME: Shape = {"Driver": None, "DriverOpts": None}
SERVICE: Shape = {"TaskTemplate": {"ContainerSpec": {"Mounts": [_MOUNT]}}}


def parse(raw: bytes) -> Any:
    """What ``raw`` says; None for nothing at all.

    :raise EngineError: it is no JSON, or nested too deeply to say
    """
    text = raw.decode("utf-8", errors="replace")  # as Go does, inside of texts
    if not text.strip(" \t\r\n"):
        return None
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError as error:
        raise EngineError("The request's JSON is nested too deeply") from error
    except ValueError as error:
        raise EngineError(f"The request's JSON is malformed: {error}") from error


def dump(found: Any) -> bytes:
    """The bytes that say ``found``."""
    return json.dumps(found).encode()


def spell(found: JsonObject, shape: Shape) -> None:
    """Put the keys of ``shape`` in the place of other spellings of theirs; of two, the one that came last."""
    names = {name.casefold(): name for name in shape}
    found.update({names[key.casefold()]: found.pop(key) for key in list(found) if key.casefold() in names})
    for name, below in shape.items():
        value = found.get(name)
        if isinstance(below, list):
            for item in value if isinstance(value, list) else ():
                if isinstance(item, dict):
                    spell(item, below[0])
        elif below is not None and isinstance(value, dict):
            spell(value, below)


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no number")
