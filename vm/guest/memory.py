"""How much memory the guest has left, asked over the control port, which answers when other ways are slow.

The answer is kilobytes out of ``/proc/meminfo`` (proc_meminfo(5)), how long programs waited for memory
(Documentation/accounting/psi.rst) and how many were ended (``memory.events``,
Documentation/admin-guide/cgroup-v2.rst).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from vm.errors import MachineError

Ask = Callable[[str], Awaitable[str]]
"""Sends the control port's command and returns what follows its ``ok``."""

KIB = 1024


@dataclass(frozen=True)
class GuestMemory:
    """The guest's memory now, in bytes.

    :ivar total: what the kernel can give to programs.
    :ivar available: what programs can still get without swapping; the machine's own are kept some of it.
    :ivar swap: all swap, which is compressed memory.    :ivar swap_free: what of it is unused.
    :ivar waited: percentage of the last 10 seconds in which some program waited for memory.
    :ivar ended: programs that the kernel has ended since its start because the memory was full.
    """

    total: int
    available: int
    swap: int
    swap_free: int
    waited: int
    ended: int


async def ask_memory(ask: Ask) -> GuestMemory:
    """Ask the guest.

    :raise MachineError: it does not understand the question, as one of an older image.
    :raise LinkError: it does not answer.
    """
    answer = await ask("memory")
    try:
        total, available, swap, swap_free, waited, ended = map(int, answer.split())
    except ValueError as error:
        raise MachineError("The guest's answer about its memory is not understood", detail=answer) from error
    return GuestMemory(total * KIB, available * KIB, swap * KIB, swap_free * KIB, waited, ended)
