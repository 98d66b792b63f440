"""What is done with a request to create or to start a container: only one to create is changed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from desktop.settings.schema import Settings
from desktop.supervisor.app import Supervisor
from desktop.supervisor.judging import judge
from engine.endpoint.rewrite import Request
from engine.host_sockets import HostSockets
from tests.unit.carriers import MemoryCarrier, MemoryStream
from vm.errors import EngineError, LinkError
from vm.host import host


class Reserve:
    """Notes what is started."""

    def __init__(self) -> None:
        self.started: list[Mapping[str, Any]] = []

    async def prepare(self, container: Mapping[str, Any], over: asyncio.Future[None]) -> None:
        assert not over.done()
        self.started.append(container)


class Folders:
    """Counts how often it was asked whether they are those that are there."""

    def __init__(self) -> None:
        self.looks = 0

    async def look_again(self) -> None:
        self.looks += 1


@pytest.fixture
def supervisor(tmp_path: Path) -> Supervisor:
    settings = Settings(daemon={"proxies": {"http-proxy": "http://proxy.example:3128"}})
    made = SimpleNamespace(
        host=host(),
        store=SimpleNamespace(load=lambda: settings),
        reserve=Reserve(),
        folders=Folders(),
        sockets=HostSockets(tmp_path / "record", tmp_path / "docker.sock", {}, tuple, host().open_folder),
        machine=SimpleNamespace(link=MemoryCarrier(tell)),
    )
    return cast("Supervisor", made)


async def tell(stream: MemoryStream) -> None:
    """An engine that knows two containers."""
    asked = await stream.read(65536)
    source = "/etc/passwd" if b"/containers/far/json" in asked else Path.home()
    body = json.dumps({"HostConfig": {"Binds": [f"{source}:/x"]}}).encode()
    await stream.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    await stream.write_eof()


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
    assert cast(Reserve, supervisor.reserve).started == [{"HostConfig": {"Binds": [f"{Path.home()}:/x"]}}]
    assert cast(Folders, supervisor.folders).looks == 1


async def test_what_mounts_a_folder_that_is_shared_no_longer_is_not_started(supervisor: Supervisor) -> None:
    with pytest.raises(EngineError, match="“/etc/passwd” is not shared"):
        await judge(supervisor)(request(b"", "far"))
    assert cast(Reserve, supervisor.reserve).started == []


async def test_what_is_not_known_is_left_to_the_engine(supervisor: Supervisor) -> None:
    cast(MemoryCarrier, supervisor.machine.link).refuse = LinkError("cut")
    assert await judge(supervisor)(request(b"", "far")) == b""
