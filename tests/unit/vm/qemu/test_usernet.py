"""QEMU's own forwards: the lines that its monitor is given."""

from __future__ import annotations

from collections.abc import Mapping

from vm.guest.forward import MACHINE, Forward
from vm.qemu.usernet import UserNetwork


async def lines(forward: Forward) -> list[str]:
    """What adding one says."""
    said: list[str] = []

    async def execute(command: str, arguments: Mapping[str, object]) -> str:
        assert command == "human-monitor-command"
        said.append(str(arguments["command-line"]))
        return ""

    await UserNetwork(execute).add(forward)
    return said


async def test_a_containers_port_is_the_machines_too() -> None:
    assert await lines(Forward("1", "udp", "0.0.0.0", 5300, "172.17.0.2", 53)) == [
        "hostfwd_remove net0 udp::5300",
        "hostfwd_add net0 udp::5300-:5300",
    ]


async def test_a_port_of_the_machine_may_have_another_number() -> None:
    forward = Forward("1", "udp", "127.0.0.1", 53, MACHINE, 30053)
    assert (await lines(forward))[-1] == "hostfwd_add net0 udp:127.0.0.1:53-:30053"
