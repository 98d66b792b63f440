"""Health: a real API call through the user's own socket; where none is answered, the first hop that fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from desktop.control.schema import EngineReport, ErrorReport, HopReport
from engine.backends.base import Hop
from engine.client import Version
from vm.errors import UserError

CALL_SECONDS = 3.0
"""For the call through the socket."""


class Engine(Protocol):
    """The engine through the user's own socket."""

    async def version(self, timeout: float) -> Version:
        """:raise EngineError: no answer within ``timeout`` seconds."""
        ...


class Hops(Protocol):
    """The way behind the socket."""

    async def hops(self) -> list[Hop]:
        """Look at each part, outermost first."""
        ...


@dataclass(frozen=True)
class Health:
    """What was found.

    :ivar engine: None when the call was not answered; then ``failure`` says why and ``hops`` where.
    """

    engine: EngineReport | None
    failure: ErrorReport | None = None
    hops: tuple[HopReport, ...] = ()


async def check_health(backend: Hops, engine: Engine, *, all_hops: bool = False) -> Health:
    """Make the call; walk the hops when it fails, or when they are all wanted."""
    try:
        answer: EngineReport | None = report(await engine.version(CALL_SECONDS))
        problem: UserError | None = None
    except UserError as error:
        answer, problem = None, error
    if problem is None and not all_hops:
        return Health(answer)
    hops = [HopReport(hop.name, hop.ok, hop.why, hop.hint) for hop in await backend.hops()]
    if problem is None:
        return Health(answer, None, (*hops, HopReport("socket", True, "a call through the socket was answered")))
    if all(hop.ok for hop in hops):
        hops.append(HopReport("socket", False, problem.message, problem.hint))
    else:
        hops.append(HopReport("socket", None, "not reached"))
    broken = next(hop for hop in hops if hop.ok is False)
    failure = ErrorReport("EngineError", f"{broken.name}: {broken.why}", broken.hint, problem.message)
    return Health(None, failure, tuple(hops))


def report(version: Version) -> EngineReport:
    """The engine's answer as the control API reports it."""
    return EngineReport(version.version, version.api_version, version.os, version.arch, version.kernel_version)
