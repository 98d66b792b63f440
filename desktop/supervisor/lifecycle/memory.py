"""What the status says about the machine's memory, and what the user can do when it is full."""

from __future__ import annotations

from desktop.control.schema import MemoryReport
from vm.guest.memory import GuestMemory

MIB = 1 << 20
LITTLE = 0.2
"""Of all memory: what is available then is kept for the machine's own programs, also in a small machine."""

WAITING = 10
"""Percentage of the time. A container that waits at a limit of its own leaves more memory available."""

SHARE = 0.75
"""Of the host's memory, what the hint suggests at most."""


def describe_memory(found: GuestMemory, memory_mib: int, host_memory_mib: int) -> MemoryReport:
    """The guest's answer as the control API reports it.

    :param memory_mib: the machine's, as set.    :param host_memory_mib: all of the host's.
    """
    shortage = _shortage(found)
    return MemoryReport(
        found.total,
        found.available,
        found.swap,
        found.swap_free,
        found.waited,
        found.ended,
        shortage,
        _hint(memory_mib, host_memory_mib) if shortage else "",
    )


def _shortage(found: GuestMemory) -> str:
    programs = "1 program was" if found.ended == 1 else f"{found.ended} programs were"
    ended = f"{programs} ended for it since the start" if found.ended else ""
    if found.available < LITTLE * found.total and found.waited >= WAITING:
        slow = f"programs wait for it {found.waited} % of the time"
        return f"The machine's memory is full: {', '.join(filter(None, [slow, ended]))}"
    return f"The machine's memory has been full: {ended}" if ended else ""


def _hint(memory_mib: int, host_memory_mib: int) -> str:
    more = min(2 * memory_mib, int(SHARE * host_memory_mib))
    if more <= memory_mib:
        return "Stop containers that you do not need. Your computer has no memory to spare."
    return f"Stop containers, or give it more: slipway settings set memory_mib {more} && slipway restart"
