"""The status: a real API call through the user's own socket; where none is answered, the first hop that fails."""

from __future__ import annotations

from dataclasses import dataclass

from desktop.control.schema import EngineReport, ErrorReport, HopReport
from engine.client import Version
from engine.linux import LinuxEngine, ask_inside
from vm.errors import UserError
from vm.machine import Machine

PATIENCE = 3.0
"""Seconds each hop may take to answer."""


@dataclass(frozen=True)
class Truth:
    """What was found.

    :ivar engine: None when the call was not answered; then ``failure`` says why and ``hops`` where.
    """

    engine: EngineReport | None
    failure: ErrorReport | None = None
    hops: tuple[HopReport, ...] = ()


async def find_out(machine: Machine, engine: LinuxEngine, *, all_hops: bool = False) -> Truth:
    """Make the call; walk the hops when it fails, or when they are all wanted."""
    try:
        answer: EngineReport | None = report(await engine.version(PATIENCE))
        problem: UserError | None = None
    except UserError as error:
        answer, problem = None, error
    if problem is None and not all_hops:
        return Truth(answer)
    hops = [HopReport(hop.name, hop.ok, hop.why, hop.hint) for hop in await machine.probe()]
    if all(hop.ok for hop in hops):
        hops.append(await _dockerd(machine))
    else:
        hops.append(HopReport("dockerd", None, "not reached"))
    if problem is None:
        return Truth(answer, None, (*hops, HopReport("socket", True, "a call through the socket was answered")))
    if all(hop.ok for hop in hops):
        hops.append(HopReport("socket", False, problem.message, problem.hint))
    else:
        hops.append(HopReport("socket", None, "not reached"))
    broken = next(hop for hop in hops if hop.ok is False)
    failure = ErrorReport("EngineError", f"{broken.name}: {broken.why}", broken.hint, problem.message)
    return Truth(None, failure, tuple(hops))


def report(version: Version) -> EngineReport:
    """The engine's answer as the control API tells it."""
    return EngineReport(version.version, version.api_version, version.os, version.arch, version.kernel_version)


async def _dockerd(machine: Machine) -> HopReport:
    try:
        await ask_inside(machine.link, PATIENCE)
    except UserError as error:
        return HopReport("dockerd", False, error.message, error.hint)
    return HopReport("dockerd", True, "dockerd answers inside the machine")
