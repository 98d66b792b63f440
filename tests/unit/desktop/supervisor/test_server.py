"""The control server: every call has one handler, every error an answer, a client that goes cancels its work."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import httpx
import pytest

from desktop.control.calls import CALLS, PROTOCOL, Call, ControlApi, Route
from desktop.control.client import ControlClient
from desktop.control.schema import (
    DiskReport,
    ErrorReport,
    Event,
    GrowDisk,
    Hello,
    Note,
    RemoteError,
    RunState,
    Status,
)
from desktop.supervisor.server import Clients, RoutesIncomplete, make_app, serve
from tests.unit.desktop.control.samples import Sampler
from vm.errors import DiskError
from vm.host.paths import Paths

STATUS = Status(RunState.STOPPED, "Slipway is stopped", "unix:///x")


pytestmark = pytest.mark.both_loops


def sampled(call: Any) -> Callable[..., Any]:
    """A handler with a plausible answer."""
    if isinstance(call, Call):
        return lambda **fields: Sampler(1).value(call.reply)

    async def items(**fields: Any) -> AsyncIterator[Any]:
        yield Event("done") if call.item is Event else Sampler(1).value(call.item)

    return items


def complete(*mine: Route) -> list[Route]:
    """A handler for every call: ``mine`` where there is one."""
    given = {route.call for route in mine}
    others = (call for call in CALLS if call not in given and call is not ControlApi.hello)
    return [*mine, *(Route(call, sampled(call)) for call in others)]


@asynccontextmanager
async def served(paths: Paths, *mine: Route) -> AsyncIterator[ControlClient]:
    async with (
        serve(complete(*mine), paths.control_socket),
        await ControlClient.connect(paths, spawn=False) as client,
    ):
        yield client


async def raw(paths: Paths, method: str, path: str, body: str = "") -> tuple[int, ErrorReport]:
    """Status and error report of a request that no client of ours makes."""
    transport = httpx.AsyncHTTPTransport(uds=str(paths.control_socket), verify=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://slipway") as client:
        reply = await client.request(method, path, content=body)
        return reply.status_code, ErrorReport(**reply.json())


class TestCompleteness:
    def test_a_call_without_a_handler(self) -> None:
        routes = [route for route in complete() if route.call is not ControlApi.disk]
        with pytest.raises(RoutesIncomplete, match=r"GET /disk\b"):
            make_app(routes, Clients())

    def test_a_call_with_two_handlers(self) -> None:
        twice = ControlApi.disk.handled_by(lambda: DiskReport("p", True))
        with pytest.raises(RoutesIncomplete, match=r"several: \[GET /disk\]"):
            make_app([*complete(), twice], Clients())

    async def test_a_server_that_lacks_one_does_not_start(self, paths: Paths) -> None:
        with pytest.raises(RoutesIncomplete):
            async with serve([], paths.control_socket):
                pytest.fail("it serves")


class TestCalls:
    async def test_each_goes_to_its_handler_and_back(self, paths: Paths) -> None:
        async with served(paths) as client:
            for call in CALLS:
                request = Sampler(3).value(call.request)
                if call is ControlApi.hello:
                    assert await client.hello() == Hello(PROTOCOL, os.getpid())
                elif isinstance(call, Call):
                    assert await client.send(call, request) == Sampler(1).value(call.reply), call
                else:
                    assert len([item async for item in client.receive(call, request)]) == 1, call

    async def test_a_handler_gets_the_fields(self, paths: Paths) -> None:
        asked: list[object] = []

        async def grow(gib: int) -> Note:
            asked.append(gib)
            return Note("grown")

        async with served(paths, ControlApi.grow_disk.handled_by(grow)) as client:
            assert await client.grow_disk(64) == Note("grown")
            assert await client.send(ControlApi.grow_disk, GrowDisk(gib=65)) == Note("grown")
        assert asked == [64, 65]

    async def test_one_client_goes_on_with_the_next_supervisor(self, paths: Paths) -> None:
        async with ControlClient(paths) as client:
            for name in ("first", "second"):
                disk = ControlApi.disk.handled_by(partial(DiskReport, name, True))
                async with serve(complete(disk), paths.control_socket):
                    await client.ready(spawn=False)
                    assert (await client.disk()).path == name
                assert not await client.answers()


class TestErrors:
    async def test_one_of_the_users(self, paths: Paths) -> None:
        def full() -> DiskReport:
            raise DiskError("full", "h", "d")

        async with served(paths, ControlApi.disk.handled_by(full)) as client:
            with pytest.raises(RemoteError) as caught:
                await client.disk()
            assert (caught.value.code, caught.value.message, caught.value.hint) == ("DiskError", "full", "h")
            assert (await raw(paths, "GET", "/v1/disk"))[0] == 409

    @pytest.mark.parametrize("defect", [KeyError("gib"), ValueError("v"), TypeError("t"), ConnectionError("c")])
    async def test_a_defect_of_ours_is_logged_and_answered(
        self, paths: Paths, defect: Exception, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def broken() -> DiskReport:
            raise defect

        async with served(paths, ControlApi.disk.handled_by(broken)) as client:
            with pytest.raises(RemoteError, match="failed unexpectedly") as caught:
                await client.disk()
            assert caught.value.code == "Unforeseen"
            assert (await raw(paths, "GET", "/v1/disk"))[0] == 500
        logged = [record for record in caplog.records if record.levelno == logging.ERROR]
        assert len(logged) == 2
        assert all(record.exc_info is not None and record.exc_info[1] is defect for record in logged)

    @pytest.mark.parametrize("body", ["", "{}", '{"gib": "64"}', '{"gib": 0}', "[]"])
    async def test_a_request_that_cannot_be_understood(
        self, paths: Paths, body: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with served(paths):
            status, report = await raw(paths, "POST", "/v1/disk/grow", body)
        assert (status, report.code) == (400, "BadRequest")
        assert "gib" in report.message or "object" in report.message
        assert not [record for record in caplog.records if record.levelno >= logging.ERROR]

    @pytest.mark.parametrize("query", ["", "?every=often", "?every=0.1"])
    async def test_a_query_that_cannot_be_understood(self, paths: Paths, query: str) -> None:
        async with served(paths):
            status, report = await raw(paths, "GET", f"/v1/watch{query}")
        assert (status, report.code) == (400, "BadRequest")
        assert "every" in report.message

    @pytest.mark.parametrize(("method", "path", "status"), [("GET", "/v1/no", 404), ("DELETE", "/v1/disk", 405)])
    async def test_no_such_call(self, paths: Paths, method: str, path: str, status: int) -> None:
        async with served(paths):
            assert (await raw(paths, method, path))[0] == status


class TestStreams:
    async def test_an_error_after_the_first_item(self, paths: Paths, caplog: pytest.LogCaptureFixture) -> None:
        async def broken() -> AsyncIterator[Event]:
            yield Event("progress", "half-way")
            raise KeyError("defect")

        async with served(paths, ControlApi.start.handled_by(broken)) as client:
            events = client.start()
            assert (await anext(events)).text == "half-way"
            with pytest.raises(RemoteError, match="KeyError"):
                await anext(events)
        assert "POST /start failed unexpectedly" in caplog.text
        assert "Traceback" in caplog.text

    async def test_an_error_of_the_users(self, paths: Paths, caplog: pytest.LogCaptureFixture) -> None:
        async def full() -> AsyncIterator[Event]:
            raise DiskError("full")
            yield

        async with served(paths, ControlApi.start.handled_by(full)) as client:
            with pytest.raises(RemoteError, match="full"):
                await anext(client.start())
        assert "Traceback" not in caplog.text

    async def test_a_client_that_goes_ends_the_work(self, paths: Paths) -> None:
        ended = asyncio.Event()

        async def endless() -> AsyncIterator[Event]:
            try:
                yield Event("progress", "it begins")
                await asyncio.Event().wait()
            finally:
                ended.set()

        async with served(paths, ControlApi.start.handled_by(endless)) as client:
            events = client.start()
            await anext(events)
            assert not ended.is_set()
            await events.aclose()
            async with asyncio.timeout(5):
                await ended.wait()
            assert isinstance(await client.status(), Status)  # and the client can be used again

    async def test_a_client_that_is_cancelled_ends_the_work(self, paths: Paths) -> None:
        begun, ended = asyncio.Event(), asyncio.Event()

        async def endless() -> AsyncIterator[Status]:
            try:
                begun.set()
                await asyncio.Event().wait()
                yield STATUS
            finally:
                ended.set()

        async with served(paths, Route(ControlApi.watch, lambda every: endless())) as client:

            async def follow() -> None:
                async for _ in client.watch(3.0):
                    pass

            task = asyncio.create_task(follow())
            await begun.wait()
            task.cancel()
            async with asyncio.timeout(5):
                await ended.wait()
            with pytest.raises(asyncio.CancelledError):
                await task


async def test_who_is_served_is_counted(paths: Paths) -> None:
    """For as long as a call or a stream takes, however it ends."""
    seen: list[float] = []

    async def watch(every: float) -> AsyncIterator[Status]:
        seen.append(clients.absent_seconds)
        yield STATUS
        await asyncio.Event().wait()

    def refused() -> Status:
        seen.append(clients.absent_seconds)
        raise DiskError("no", "")

    routes = complete(Route(ControlApi.watch, watch), Route(ControlApi.status, refused))
    async with (
        serve(routes, paths.control_socket) as clients,
        await ControlClient.connect(paths, spawn=False) as client,
    ):
        statuses = client.watch(3.0)
        await anext(statuses)
        with pytest.raises(RemoteError, match="no"):
            await client.status()
        assert (clients.absent_seconds, seen) == (0.0, [0.0, 0.0])
        await statuses.aclose()
        async with asyncio.timeout(5):
            while not clients.absent_seconds:
                await asyncio.sleep(0)
