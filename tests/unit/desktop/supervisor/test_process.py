"""The supervisor's process and the session of its user: what the system reports reaches the service, in time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence

import pytest

from desktop.control.calls import CALLS, ControlApi, Route
from desktop.control.schema import CallerEnvironment
from desktop.supervisor import process
from tests.unit.vm.machine_kit import until
from vm.host import Host, SessionListener
from vm.host.paths import Paths


class Counted:
    """A service that counts what happens to it. :ivar may_close: it ends not before this is set."""

    def __init__(self) -> None:
        self.ending = asyncio.Event()
        self.may_close = asyncio.Event()
        self.woken = 0
        self.closed = False

    def wanted(self) -> bool:
        return True

    async def open(self) -> None:
        pass

    def notice(self, caller: CallerEnvironment) -> None:
        pass

    def woke(self) -> None:
        self.woken += 1

    async def settle(self) -> None:
        await self.may_close.wait()

    async def close(self) -> None:
        self.closed = True


class Session:
    """Stands in for the system."""

    def __init__(self) -> None:
        self.listener: SessionListener | None = None
        self.left = 0

    def watch(self, listener: SessionListener) -> Callable[[], None]:
        self.listener = listener
        return self.leave

    def leave(self) -> None:
        self.left += 1


def nothing() -> None:
    pass


def made(service: Counted) -> process.Make:
    """A service with a handler for every call."""
    routes = [Route(call, nothing) for call in CALLS if call is not ControlApi.hello]

    def make(paths: Paths, host: Host) -> tuple[process.Service, Sequence[Route]]:
        return service, routes

    return make


async def test_the_session_ends(monkeypatch: pytest.MonkeyPatch, paths: Paths) -> None:
    session, service = Session(), Counted()
    monkeypatch.setattr(process, "watch_session", session.watch)
    task = asyncio.create_task(process.supervise(paths, made(service)))
    await until(lambda: session.listener is not None)
    listener = session.listener
    assert listener is not None
    listener.woke()
    await until(lambda: service.woken == 1)

    def end() -> None:
        listener.end()
        listener.wait_until_ended()

    told = threading.Thread(target=end)
    told.start()
    await until(service.ending.is_set)
    assert told.is_alive()
    service.may_close.set()
    await task
    await asyncio.to_thread(told.join, 5)
    assert not told.is_alive()
    assert service.closed
    assert session.left == 1


async def test_a_system_that_reports_nothing(monkeypatch: pytest.MonkeyPatch, paths: Paths) -> None:
    def refuse(listener: SessionListener) -> Callable[[], None]:
        raise OSError("no window")

    service = Counted()
    monkeypatch.setattr(process, "watch_session", refuse)
    service.ending.set()
    service.may_close.set()
    await process.supervise(paths, made(service))
    assert service.closed


def test_reports_after_the_end(monkeypatch: pytest.MonkeyPatch, paths: Paths) -> None:
    session, service = Session(), Counted()
    monkeypatch.setattr(process, "watch_session", session.watch)
    service.ending.set()
    service.may_close.set()
    asyncio.run(process.supervise(paths, made(service)))
    assert session.listener is not None
    session.listener.end()
    session.listener.woke()
    session.listener.wait_until_ended()
