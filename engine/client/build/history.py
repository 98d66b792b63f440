"""The builds that the engine remembers, whoever began them: ``ListenBuildHistory`` and ``Status`` of BuildKit's
control API (moby/buildkit, api/services/control/control.proto), which dockerd has at ``POST /grpc``.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from engine.client.build.grpc import call
from engine.client.build.trace import Trace, moment, read, text
from engine.client.build.wire import Value, field, fields
from engine.client.transport import Transport

LISTEN = "/moby.buildkit.v1.Control/ListenBuildHistory"
STATUS = "/moby.buildkit.v1.Control/Status"

EARLY_EXIT = field(3, 1)
"""What there is now, and then the end."""

DELETED = 2
REF, FRONTEND_ATTRIBUTES, EXPORTERS, ERROR, CREATED, COMPLETED, RESPONSE = 1, 3, 4, 5, 6, 7, 9
CACHED, TOTAL = 15, 16
"""Fields of a ``BuildHistoryRecord``."""

HUB = "docker.io/"


@dataclass(frozen=True)
class PastBuild:
    """One build.

    :ivar ref: BuildKit's name of it.    :ivar name: the image's, or the file's.
    :ivar began, ended: seconds since 1970; 0 while it runs.    :ivar error: why it failed; empty if it did not.
    :ivar cached, total: how many of its steps were in the cache, of how many.
    """

    ref: str
    name: str
    began: float
    ended: float
    error: str = ""
    cached: int = 0
    total: int = 0


async def past_builds(transport: Transport) -> list[PastBuild]:
    """Those that the engine remembers: dockerd keeps the last 50 of two days.

    :raise ApiError: the engine has no BuildKit.    :raise NotSupported: it keeps no history.
    """
    found: dict[str, PastBuild] = {}
    async with aclosing(_ask(transport, LISTEN, EARLY_EXIT)) as messages:
        async for message in messages:
            event = dict(fields(message))
            record = event.get(2)
            if event.get(1) != DELETED and isinstance(record, bytes):
                build = past_build(record)
                found[build.ref] = build
    return list(found.values())


async def past_steps(transport: Transport, ref: str) -> AsyncGenerator[Trace]:
    """What a build has reported; of one that runs, until it ends.

    :raise EngineError: the engine has forgotten it.
    """
    async with aclosing(_ask(transport, STATUS, field(1, ref))) as messages:
        async for message in messages:
            yield read(message)


async def _ask(transport: Transport, path: str, message: bytes) -> AsyncGenerator[bytes]:
    async with (
        await transport.upgrade("/grpc", protocol="h2c") as wire,
        aclosing(call(wire, path, message)) as found,
    ):
        async for each in found:
            yield each


def past_build(record: bytes) -> PastBuild:
    """A build from a ``BuildHistoryRecord``."""
    one: dict[int, Value] = {}
    attributes: dict[str, str] = {}
    exporters: list[dict[str, str]] = []
    response: dict[str, str] = {}
    for number, value in fields(record):
        if number == FRONTEND_ATTRIBUTES and isinstance(value, bytes):
            attributes |= _pair(value)
        elif number == RESPONSE and isinstance(value, bytes):
            response |= _pair(value)
        elif number == EXPORTERS and isinstance(value, bytes):
            exporters.append(_attributes(value))
        else:
            one[number] = value
    error = one.get(ERROR)
    why = text(dict(fields(error)).get(2)) if isinstance(error, bytes) else ""
    names = [*(each.get("name", "") for each in exporters), response.get("image.name", "")]
    image = next((name.split(",")[0] for name in names if name), "")
    name = image.removeprefix(HUB).removeprefix("library/") or attributes.get("filename", "")
    cached, total = one.get(CACHED, 0), one.get(TOTAL, 0)
    return PastBuild(
        text(one.get(REF)),
        name or "Dockerfile",
        moment(one.get(CREATED)),
        moment(one.get(COMPLETED)),
        why or ("It failed" if error else ""),
        cached if isinstance(cached, int) else 0,
        total if isinstance(total, int) else 0,
    )


def _pair(entry: bytes) -> dict[str, str]:
    """An entry of a map: key and value."""
    got = dict(fields(entry))
    return {text(got.get(1)): text(got.get(2))}


def _attributes(exporter: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, value in fields(exporter):
        if number == 2 and isinstance(value, bytes):
            found |= _pair(value)
    return found
