"""The supervisor does every call."""

from __future__ import annotations

from pathlib import Path

from desktop.control.calls import CALLS
from desktop.supervisor.__main__ import make_supervisor
from desktop.supervisor.server import Clients, make_app
from vm.host import host
from vm.host.paths import Paths


async def test_each_call_has_a_handler(tmp_path: Path) -> None:
    paths = Paths(tmp_path / "h", tmp_path / "c")
    paths.prepare()
    _, routes = make_supervisor(paths, host())
    assert len(make_app(routes, Clients()).router.resources()) <= len(CALLS)
    assert len(routes) == len(CALLS) - 1  # the server itself says hello
