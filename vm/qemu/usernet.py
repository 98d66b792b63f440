"""UDP ports of the host's that QEMU itself carries into the machine: its user network's host forwards.

While the machine runs only the human monitor changes them, by `hostfwd_add` and `hostfwd_remove`, whose failures
come back as text. IPv4 only. https://www.qemu.org/docs/master/system/monitor.html
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from vm.errors import MachineError
from vm.guest.forward import MACHINE, Forward

NETDEV = "net0"
"""The network's name on QEMU's command line."""

Execute = Callable[[str, Mapping[str, object]], Awaitable[Any]]


class UserNetwork:
    """One running QEMU's user network.

    :param execute: runs a QMP command.
    """

    def __init__(self, execute: Execute) -> None:
        self._execute = execute

    async def add(self, forward: Forward) -> None:
        """Carry datagrams to the machine: to a port of its own, or to the same one, which leads to a container.

        :raise MachineError: the port or the address is not available, or QEMU does not answer.
        """
        await self.remove(forward)  # a supervisor that has died may have left it
        inside = forward.guest_port if forward.guest_address == MACHINE else forward.port
        said = await self._say(f"hostfwd_add {NETDEV} {_place(forward)}-:{inside}")
        if said:
            raise MachineError("QEMU cannot listen at the port", detail=said)

    async def remove(self, forward: Forward) -> None:
        """Stop forwarding them; harmless when they are not forwarded.

        :raise MachineError: QEMU does not answer.
        """
        await self._say(f"hostfwd_remove {NETDEV} {_place(forward)}")

    async def _say(self, line: str) -> str:
        return str(await self._execute("human-monitor-command", {"command-line": line})).strip()


def _place(forward: Forward) -> str:
    address = "" if forward.address == "0.0.0.0" else forward.address
    return f"{forward.protocol}:{address}:{forward.port}"
