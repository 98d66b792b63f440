"""A computer and a machine for tests of what containers mount."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.endpoint.admission.bind_mounts import BindMounts, Plugin
from engine.endpoint.admission.documents import JsonObject
from vm.errors import LinkError


class Machine:
    """Has some paths itself."""

    def __init__(self, *paths: str) -> None:
        self.paths = set(paths)
        self.asked: list[list[str]] = []
        self.failure: LinkError | None = None
        self.made: list[str] = []

    async def find(self, paths: Sequence[str]) -> set[str]:
        self.asked.append(list(paths))
        if self.failure is not None:
            raise self.failure
        return self.paths & set(paths)

    def make(self, folders: Sequence[str]) -> None:
        self.made += folders


class NoSockets:
    """A computer without any."""

    def find(self, path: str) -> str | None:
        return None

    async def carry(self, socket: str) -> str:
        raise AssertionError("not asked for")


async def hint(path: str) -> str:
    return f"Share {path}."


@dataclass
class Volumes:
    """What the engine knows of them, by name."""

    known: dict[str, JsonObject] = field(default_factory=dict)

    async def __call__(self, names: Sequence[str]) -> list[JsonObject]:
        return [self.known.get(name, {}) for name in names]


PLUGIN: JsonObject = {"Config": {"Mounts": [{"Name": "m", "Source": "/proc", "Type": "bind"}, {"Name": "n"}]}}


async def plugin(name: str) -> JsonObject:
    return PLUGIN if name == "known" else {}


def step(machine: Machine, *shares: str, volumes: Volumes | None = None, plugin: Plugin = plugin) -> BindMounts:
    return BindMounts(NoSockets(), lambda: shares, machine, hint, volumes or Volumes(), plugin, machine.make)


async def created(step: BindMounts, body: JsonObject) -> JsonObject:
    """What the body becomes."""
    amended = copy.deepcopy(body)
    await step.create_container(amended)
    return amended


def binds(*specs: str) -> JsonObject:
    return {"Image": "x", "HostConfig": {"Binds": list(specs)}}


def mount(source: str, kind: str = "bind") -> JsonObject:
    return {"HostConfig": {"Mounts": [{"Type": kind, "Source": source, "Target": "/t"}]}}


BIND = {"type": "none", "o": "bind", "device": "{}"}


def options(given: dict[str, str], path: str) -> dict[str, str]:
    return {key: value.format(path) for key, value in given.items()}
