"""One supervisor is started however many need it, and waited for as long as it lives."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from desktop.control import spawn
from desktop.control.client import ControlClient, ControlError, SupervisorAbsent
from desktop.control.errors import SupervisorSilent
from desktop.control.lock import InstanceLock, holder, is_held
from desktop.control.spawn import bring_up, coming
from tests.unit.desktop.control import slow_supervisor
from vm.host import host
from vm.host.paths import Paths

ROOT = Path(__file__).parents[4]


class Starter:
    """Starts supervisors that take their time, and counts them."""

    def __init__(self, paths: Paths) -> None:
        self.paths = paths
        self.inherited = True
        self.started: list[subprocess.Popen[bytes]] = []

    def __call__(self, paths: Paths, turn: InstanceLock) -> subprocess.Popen[bytes]:
        argv = [sys.executable, str(slow_supervisor.__file__), str(paths.home), str(paths.cache)]
        self.started.append(subprocess.Popen(argv, env={"PYTHONPATH": str(ROOT)}, pass_fds=self.kept(turn)))
        return self.started[-1]

    def kept(self, turn: InstanceLock) -> tuple[int, ...]:
        """The files that a supervisor inherits."""
        return (turn.descriptor,) if self.inherited else ()

    async def until_locked(self) -> None:
        """Wait until one has come as far as the lock, which it holds for its life."""
        async with asyncio.timeout(20):
            while holder(self.paths.lock) != self.started[-1].pid:
                await asyncio.sleep(0.01)

    def let_go(self) -> None:
        """Let it answer."""
        (self.paths.home / "go").touch()

    def end(self) -> None:
        """End all."""
        for process in self.started:
            process.kill()
            process.wait()


@pytest.fixture
def starter(paths: Paths) -> Iterator[Starter]:
    made = Starter(paths)
    yield made
    made.end()


@contextmanager
def bringing_up(
    starter: Starter, count: int, tell: Callable[[str], object] = lambda _: None
) -> Iterator[list[asyncio.Task[None]]]:
    """So many clients that need a supervisor at the same time."""
    clients = [ControlClient(starter.paths) for _ in range(count)]

    async def one(client: ControlClient) -> None:
        async with client:
            await bring_up(starter.paths, client.answers, tell, starter)

    tasks = [asyncio.create_task(one(client)) for client in clients]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()


async def test_one_is_started_for_all_and_waited_for(starter: Starter) -> None:
    with bringing_up(starter, 4) as tasks:
        await soon(lambda: starter.started)
        await starter.until_locked()
        assert not any(task.done() for task in tasks)
        starter.let_go()
        await asyncio.gather(*tasks)
    assert len(starter.started) == 1


async def test_the_waiting_is_reported(starter: Starter, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    with bringing_up(starter, 1) as first:
        await soon(lambda: starter.started)
        await starter.until_locked()
        monkeypatch.setattr(spawn, "FIRST_WORD", 0.0)
        monkeypatch.setattr(spawn, "NEXT_WORD", 0.05)
        with bringing_up(starter, 1, said.append) as second:
            await soon(lambda: len(said) >= 3)
            assert not second[0].done()
            starter.let_go()
            await asyncio.gather(*first, *second)
    assert len(starter.started) == 1
    assert all(f"process {starter.started[0].pid}" in text for text in said)


async def test_one_that_starts_none_waits_for_it_too(starter: Starter) -> None:
    async with ControlClient(starter.paths) as client:
        with pytest.raises(SupervisorAbsent):
            await client.ready(spawn=False)
        with bringing_up(starter, 1) as first:
            await soon(lambda: starter.started)
            waiting = asyncio.create_task(client.ready(spawn=False))
            await starter.until_locked()
            assert not waiting.done()
            starter.let_go()
            await asyncio.gather(*first, waiting)


async def test_one_that_starts_none_is_told_when_it_ended(starter: Starter) -> None:
    async with ControlClient(starter.paths) as client:
        with bringing_up(starter, 1) as first:
            await soon(lambda: starter.started)
            waiting = asyncio.create_task(client.ready(spawn=False))
            await starter.until_locked()
            starter.end()
            with pytest.raises(ControlError, match="did not start"):
                await first[0]
            with pytest.raises(SupervisorAbsent):
                await waiting


async def test_one_whose_starter_has_gone_is_not_started_again(starter: Starter) -> None:
    with bringing_up(starter, 1):
        await soon(lambda: starter.started)
        await starter.until_locked()
    with bringing_up(starter, 1) as tasks:
        await soon(lambda: is_held(starter.paths.starting_lock))
        starter.let_go()
        await asyncio.gather(*tasks)
    assert len(starter.started) == 1


@pytest.mark.parametrize("inherited", [True, False])
async def test_one_that_has_no_lock_yet_when_its_starter_goes(starter: Starter, inherited: bool) -> None:
    starter.inherited = inherited
    late = starter.paths.home / "late"
    late.touch()
    with bringing_up(starter, 1):
        await soon(lambda: starter.started)
    assert not is_held(starter.paths.lock)
    async with ControlClient(starter.paths) as client:
        stopping = asyncio.create_task(client.ready(spawn=False))
        with bringing_up(starter, 2) as tasks:
            for _ in range(20):
                await asyncio.sleep(0.01)
            assert not stopping.done()  # it was “already stopped”, and then it came up
            late.unlink()
            starter.let_go()
            await asyncio.gather(stopping, *tasks)
    assert len(starter.started) == 1


@pytest.mark.parametrize("inherited", [True, False])
async def test_one_that_has_no_lock_yet_ends_when_its_starter_goes(starter: Starter, inherited: bool) -> None:
    starter.inherited = inherited
    late = starter.paths.home / "late"
    late.touch()
    with bringing_up(starter, 1):
        await soon(lambda: starter.started)
    async with ControlClient(starter.paths) as client:
        stopping = asyncio.create_task(client.ready(spawn=False))
        await asyncio.sleep(0.05)
        assert not stopping.done()
        starter.end()
        with pytest.raises(SupervisorAbsent):
            await stopping


@pytest.mark.parametrize("text", ["", "nonsense", "1 another birth", "{own}", "-1 x"])
def test_a_record_of_what_does_not_come(paths: Paths, text: str) -> None:
    lock = InstanceLock(paths.starting_lock)
    assert lock.acquire()
    lock.write(text.format(own=os.getpid()))
    assert coming(paths) is None
    lock.write(f"{os.getpid()} {host().birth(os.getpid())}\n")
    lock.release()
    assert coming(paths) == os.getpid()


async def test_the_next_is_started_when_one_that_was_ending_has_ended(starter: Starter) -> None:
    ending = InstanceLock(starter.paths.lock)
    assert ending.acquire()
    starter.let_go()
    with bringing_up(starter, 1) as tasks:
        await soon(lambda: is_held(starter.paths.starting_lock))
        assert starter.started == []
        ending.release()
        await asyncio.gather(*tasks)
    assert len(starter.started) == 1


async def test_one_that_found_the_lock_taken_is_followed_by_another(
    starter: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another supervisor takes the lock after it was looked at, and ends before it answers."""
    other = InstanceLock(starter.paths.lock)
    assert other.acquire()
    monkeypatch.setattr(spawn, "is_held", lambda path: bool(not starter.started and not is_held(path)))
    starter.let_go()
    with bringing_up(starter, 1) as tasks:
        await soon(lambda: len(starter.started) == 1 and starter.started[0].poll() == 0)
        other.release()
        await asyncio.gather(*tasks)
    assert len(starter.started) == 2


async def test_one_that_is_killed(starter: Starter) -> None:
    (starter.paths.logs / "supervisor.out").write_text("its last words")
    with bringing_up(starter, 1) as tasks:
        await soon(lambda: starter.started)
        starter.started[0].kill()
        with pytest.raises(ControlError, match="did not start") as caught:
            await tasks[0]
    assert caught.value.detail == "its last words"
    assert not is_held(starter.paths.starting_lock)


async def test_one_that_has_no_time_to_answer(starter: Starter) -> None:
    answers = iter(["absent", "silent", "silent", "there"])

    async def ask() -> bool:
        answer = next(answers)
        if answer == "silent":
            raise SupervisorSilent("it does not answer")
        return answer == "there"

    await bring_up(starter.paths, ask, start=starter)
    assert len(starter.started) == 1


async def test_one_that_cannot_start(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPWAY_HOME", str(paths.home))
    monkeypatch.setenv("SLIPWAY_FAKE", "nonsense")
    with pytest.raises(ControlError, match="did not start") as caught:
        await ControlClient.connect(paths)
    assert str(paths.supervisor_log) in caught.value.hint
    assert "nonsense" in caught.value.detail


async def soon(test: Callable[[], object]) -> None:
    """Wait for something that another process or task does."""
    async with asyncio.timeout(20):
        while not test():
            await asyncio.sleep(0.01)
