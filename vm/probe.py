"""The health of a machine, hop by hop, from the process to the link into the guest.

The first hop that fails is the one to name: those behind it fail because of it and are reported as not reached.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from vm.errors import MachineError
from vm.guest.stream import Link
from vm.session import Session

HOPS = ("qemu-process", "qmp", "guest-link")
HOP_TIMEOUT = 3.0
"""Seconds each hop may take to answer."""


@dataclass(frozen=True)
class Hop:
    """One hop's answer.

    :ivar ok: None when it was not reached, because one before it failed.
    """

    name: str
    ok: bool | None
    why: str
    hint: str = ""


async def probe(session: Session | None, link: Link | None, timeout: float = HOP_TIMEOUT) -> list[Hop]:
    """Ask every hop in the order of :data:`HOPS`; never raises."""
    hops = [_process(session)]
    if session is not None and hops[-1].ok:
        hops.append(await _monitor(session, timeout))
        if hops[-1].ok:
            hops.append(await _link(link, timeout))
    failed = hops[-1].name
    return hops + [Hop(name, None, f"not reached: {failed} failed") for name in HOPS[len(hops) :]]


def _process(session: Session | None) -> Hop:
    name = "qemu-process"
    if session is None or not session.process.alive:
        return Hop(name, False, "QEMU is not running", "Start it: slipway start")
    if session.process.suspended:
        pid = session.process.pid
        return Hop(name, False, "QEMU has been suspended (SIGSTOP)", f"Resume it: kill -CONT {pid}")
    return Hop(name, True, f"process {session.process.pid} is alive")


async def _monitor(session: Session, timeout: float) -> Hop:
    try:
        status = await session.monitor.execute("query-status", timeout=timeout)
    except MachineError as error:
        return Hop("qmp", False, error.message, error.hint or "Restart the machine: slipway restart")
    state = str(status.get("status"))
    if state == "running":
        return Hop("qmp", True, "QEMU says the machine runs")
    if state == "io-error":
        return Hop(
            "qmp", False, "the machine is paused because the disk of your computer is full", "Free some space."
        )
    if state == "paused":
        return Hop("qmp", False, "the machine is paused", "Resume it: slipway start")
    return Hop("qmp", False, f"QEMU says the machine is “{state}”", "Restart the machine: slipway restart")


async def _link(link: Link | None, timeout: float) -> Hop:
    if link is None or link.closed.is_set():
        return Hop("guest-link", False, "the connection to the machine is down", "Slipway is reconnecting.")
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        await link.ping(timeout)
    except MachineError as error:
        return Hop("guest-link", False, error.message, error.hint or "Restart the machine: slipway restart")
    return Hop("guest-link", True, f"the guest answered in {(loop.time() - began) * 1000:.0f} ms")
