"""asyncio and Qt: results in Qt's thread, in order; floods, errors, cancellation, the end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator

import pytest
from PySide6.QtCore import QObject, QThread
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from desktop.ui.bridge import MAX_PENDING, Bridge
from tests.gui.stage import until
from vm.errors import EngineError, UserError


@pytest.fixture
def bridge(qapp: QApplication) -> Iterator[Bridge]:
    made = Bridge()
    yield made
    made.close()


def test_a_result_arrives_in_qts_thread(bridge: Bridge, qapp: QApplication) -> None:
    told: list[tuple[int, bool, bool]] = []
    threads: list[int] = []

    async def work() -> int:
        threads.append(threading.get_ident())
        return 7

    here = threading.get_ident()
    bridge.call(work(), lambda value: told.append((value, threading.get_ident() == here, True)))
    until(lambda: told)
    assert told == [(7, True, True)]
    assert threads != [here]
    assert QThread.currentThread() is qapp.thread()


def test_errors_are_told_and_unforeseen_ones_wrapped(bridge: Bridge) -> None:
    told: list[UserError] = []

    async def refused() -> None:
        raise EngineError("no", "hint")

    async def broken() -> None:
        raise ZeroDivisionError

    bridge.call(refused(), None, told.append)
    bridge.call(broken(), None, told.append)
    until(lambda: len(told) == 2)
    assert (told[0].message, told[0].hint) == ("no", "hint")
    assert "ZeroDivisionError" in told[1].detail


def test_a_flood_keeps_its_order_and_makes_its_source_wait(bridge: Bridge) -> None:
    count, taken, largest = 60_000, [0], [0]

    async def numbers() -> AsyncIterator[int]:
        for number in range(count):
            yield number

    def each(items: list[int]) -> None:
        assert items == list(range(taken[0], taken[0] + len(items)))
        taken[0] += len(items)
        largest[0] = max(largest[0], len(items))

    ended: list[bool] = []
    bridge.follow(numbers, each, lambda: ended.append(True))
    until(lambda: ended)
    assert taken[0] == count
    assert largest[0] <= MAX_PENDING


def test_after_cancel_nothing_is_called(bridge: Bridge) -> None:
    told: list[int] = []
    cancelled: list[bool] = []

    async def endless() -> AsyncIterator[int]:
        try:
            while True:
                yield 1
                await asyncio.sleep(0)
        finally:
            cancelled.append(True)

    work = bridge.follow(endless, told.extend)
    until(lambda: told)
    work.cancel()
    seen = len(told)
    until(lambda: cancelled)
    assert len(told) == seen


def test_work_ends_with_its_owner(bridge: Bridge) -> None:
    cancelled: list[bool] = []

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.append(True)

    owner = QObject()
    bridge.call(endless(), owner=owner)
    begun: list[bool] = []

    async def later() -> None:
        begun.append(True)

    bridge.call(later(), lambda _: None)
    until(lambda: begun)
    owner.deleteLater()
    until(lambda: cancelled)


def test_the_end_cancels_everything(qapp: QApplication) -> None:
    bridge = Bridge()
    ended: list[bool] = []
    begun = threading.Event()

    async def endless() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    bridge.call(endless())
    assert begun.wait(5)
    bridge.close()
    assert ended == [True]
    bridge.call(endless())  # too late, and harmless
    assert ended == [True]


class Witness:
    """Records in which thread it was freed."""

    def __init__(self, freed: list[int]) -> None:
        self.freed = freed
        self.itself: object = None

    def __call__(self, *_: object) -> None:
        """A callback, which holds this object."""

    def __del__(self) -> None:
        self.freed.append(threading.get_ident())


@pytest.mark.parametrize("ending", ["result", "error", "cancelled"])
def test_what_callbacks_hold_is_freed_in_qts_thread(bridge: Bridge, ending: str) -> None:
    """Freed elsewhere, a slot of Qt's can make both threads wait for each other without end."""
    freed: list[int] = []

    async def work() -> None:
        if ending == "error":
            raise EngineError("no")
        if ending == "cancelled":
            await asyncio.Event().wait()

    async def items() -> AsyncIterator[int]:
        yield 1
        await work()

    for _ in range(50):
        begun = bridge.call(work(), Witness(freed), Witness(freed), owner=bridge)
        followed = bridge.follow(items, Witness(freed), Witness(freed), Witness(freed), owner=bridge)
        if ending == "cancelled":
            begun.cancel()
            followed.cancel()
        del begun, followed
    until(lambda: len(freed) == 250)
    assert set(freed) == {threading.get_ident()}


def test_garbage_is_collected_in_qts_thread(bridge: Bridge) -> None:
    freed: list[int] = []
    count = 5000  # more than makes Python collect by itself

    async def make_garbage() -> None:
        for _ in range(count):
            witness = Witness(freed)
            witness.itself = witness

    bridge.call(make_garbage())
    until(lambda: len(freed) > count // 2)
    assert set(freed) == {threading.get_ident()}


def test_a_callback_that_fails_does_not_keep_the_others(bridge: Bridge, qtbot: QtBot) -> None:
    told: list[int] = []

    async def work() -> int:
        return 1

    def broken(_: int) -> None:
        raise ZeroDivisionError

    with qtbot.captureExceptions() as failures:
        bridge.call(work(), broken)
        bridge.call(work(), told.append)
        until(lambda: told)
    assert [kind for kind, _, _ in failures] == [ZeroDivisionError]
