"""Reports of ports: whose they are, in words."""

from __future__ import annotations

import pytest

from desktop.control.schema import PortReport
from vm.guest.forward import MACHINE


@pytest.mark.parametrize(
    ("target", "kubernetes", "network"),
    [
        ("172.17.0.2", False, ""),
        ("127.0.0.1", False, "host network"),
        (MACHINE, False, "swarm"),
        (MACHINE, True, "kubernetes"),
        ("127.0.0.1", True, "kubernetes"),
    ],
)
def test_whose_a_port_is(target: str, kubernetes: bool, network: str) -> None:
    report = PortReport("tcp", "127.0.0.1", 80, target, 30080, 0, "", kubernetes=kubernetes)
    assert report.network == network
