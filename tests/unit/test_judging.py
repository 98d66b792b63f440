"""What is done with a request to create or to start a container: only one to create is changed."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import cast

import pytest

from desktop.settings.schema import Settings
from desktop.supervisor.app import Supervisor
from desktop.supervisor.judging import judge
from engine.endpoint.rewrite import Request
from vm.host import host


class Reserve:
    """Notes what is started."""

    def __init__(self) -> None:
        self.started: list[str] = []

    async def prepare(self, container: str, over: asyncio.Future[None]) -> None:
        assert not over.done()
        self.started.append(container)


@pytest.fixture
def supervisor() -> Supervisor:
    settings = Settings(daemon={"proxies": {"http-proxy": "http://proxy.example:3128"}})
    made = SimpleNamespace(host=host(), store=SimpleNamespace(load=lambda: settings), reserve=Reserve())
    return cast("Supervisor", made)


def request(body: bytes, container: str = "") -> Request:
    return Request(body, container, asyncio.get_running_loop().create_future())


async def test_what_is_made_gets_the_proxy(supervisor: Supervisor) -> None:
    made = json.loads(await judge(supervisor)(request(b'{"Image": "x"}')))
    assert "http_proxy=http://proxy.example:3128" in made["Env"]
    assert cast(Reserve, supervisor.reserve).started == []


@pytest.mark.parametrize("body", [b"", b"{}", b'{"Image": "x"}'])
async def test_what_is_started_is_looked_at_and_not_changed(supervisor: Supervisor, body: bytes) -> None:
    """The engine refuses a start with more than an empty body, which old clients send."""
    assert await judge(supervisor)(request(body, "web")) == body
    assert cast(Reserve, supervisor.reserve).started == ["web"]
