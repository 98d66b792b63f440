"""The window's session: its clients, and what it does while supervisors come and go."""

from __future__ import annotations

import itertools
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication, QFrame

from desktop.control import spawn
from desktop.control.client import ControlClient
from desktop.control.errors import ControlError
from desktop.control.schema import RunState, Status
from desktop.ui import session
from desktop.ui.bridge import Bridge
from desktop.ui.pages.home import HomePage
from desktop.ui.widgets.basics import Elided
from desktop.ui.window import Window
from tests.gui import standin
from tests.gui.drive import go
from tests.gui.stage import home, until, window
from vm.errors import UserError


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> list[ControlClient]:
    """The control clients that are made in this process."""
    made: list[ControlClient] = []
    genuine = ControlClient.__init__

    def init(client: ControlClient, *arguments: object, **options: object) -> None:
        made.append(client)
        genuine(client, *arguments, **options)  # type: ignore[arg-type]  # whatever it is called with

    monkeypatch.setattr(ControlClient, "__init__", init)
    return made


def test_a_window_has_one_client_for_all_calls(qapp: QApplication, clients: list[ControlClient]) -> None:
    with home("running"):
        clients.clear()  # those of the stage
        with window(qapp) as shown:
            told: list[Status] = []
            for _ in range(5):
                shown.session.control(lambda client: client.status(), told.append)
            until(lambda: len(told) == 5)
            shown.session.stop()
            until(lambda: shown.session.status is not None and shown.session.status.state is RunState.STOPPED)
            shown.session.start()
            until(lambda: shown.session.running)
        assert clients == [shown.session.client]


def test_the_client_outlives_a_supervisor(qapp: QApplication) -> None:
    with home("running"), window(qapp) as shown:
        standin.stop()
        until(lambda: shown.session.status is None and shown.session.error is not None)
        standin.begin()
        until(lambda: shown.session.running)
        told: list[Status] = []
        failures: list[UserError] = []
        shown.session.control(lambda client: client.status(), told.append, failures.append)
        until(lambda: told or failures)
        assert told[0].state is RunState.RUNNING


def test_calls_start_one_supervisor(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []

    class Counted(subprocess.Popen[Any]):
        def __init__(self, argv: list[str], **options: Any) -> None:
            started.append(argv[-1])
            super().__init__(argv, **options)

    monkeypatch.setattr(subprocess, "Popen", Counted)
    with home("empty", begun=False), window(qapp) as shown:
        told: list[Status] = []
        for _ in range(3):
            shown.session.control(lambda client: client.status(), told.append)
        until(lambda: len(told) == 3)
        assert started.count("desktop.supervisor.fake") == 1


def state_bar(shown: Window) -> str:
    """The state below the pages."""
    bars = shown.findChildren(QFrame, "statebar")
    return " ".join(part.accessibleName() for bar in bars for part in bar.findChildren(Elided))


def test_a_supervisor_that_takes_its_time_is_reported(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spawn, "FIRST_WORD", 0.0)
    monkeypatch.setattr(spawn, "NEXT_WORD", 0.05)
    with home("empty", begun=False), window(qapp, found=False) as shown:
        assert "Connecting …" in state_bar(shown)
        until(lambda: "Waiting for Slipway's supervisor" in state_bar(shown))
        cards = shown.pages["home"]
        assert isinstance(cards, HomePage)
        assert (cards.state.title.text(), cards.state.text.text()) == ("Connecting …", shown.session.progress)
        away = go(shown, "containers").engine_away
        assert (away.title.text(), away.text.text()) == ("Connecting …", shown.session.progress)
        until(lambda: shown.session.status is not None)
        assert shown.session.progress == ""
        assert "Waiting" not in state_bar(shown)


@contextmanager
def alone() -> Iterator[session.Session]:
    """A session without a window, whose pages would make calls."""
    bridge = Bridge()
    made = session.Session(bridge)
    made.open()
    try:
        yield made
    finally:
        made.close()
        bridge.close()


class Refusing:
    """Has so many attempts to start a supervisor fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, failures: int) -> None:
        self.moments: list[float] = []
        genuine = ControlClient.ready

        async def ready(client: ControlClient, **options: Any) -> None:
            self.moments.append(time.monotonic())
            if len(self.moments) <= failures:
                raise ControlError("Slipway's supervisor did not start")
            await genuine(client, **options)

        monkeypatch.setattr(ControlClient, "ready", ready)

    def pauses(self) -> list[float]:
        """Seconds between the attempts."""
        return [later - earlier for earlier, later in itertools.pairwise(self.moments)]


def test_the_pause_after_a_failed_start_grows(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr(session, "LONGEST_PAUSE", 0.3)
    attempts = Refusing(monkeypatch, failures=5)
    with home("running"), window(qapp):
        least = [0.05, 0.1, 0.2, 0.3, 0.3]
        assert [pause >= bound for pause, bound in zip(attempts.pauses()[:5], least, strict=True)] == [True] * 5


def test_the_pause_is_short_again_after_a_success(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "LONGEST_PAUSE", 600.0)
    monkeypatch.setattr(session, "GROWTH", 1e6)
    Refusing(monkeypatch, failures=1)
    with home("running"), alone() as found:
        until(lambda: found.running)
        standin.stop()
        until(lambda: found.status is None)
        standin.begin()
        until(lambda: found.running)


def test_a_call_ends_the_pause(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "RETRY_SECONDS", 600.0)
    monkeypatch.setattr(session, "LONGEST_PAUSE", 600.0)
    Refusing(monkeypatch, failures=1)
    with home("empty"), window(qapp, found=False) as shown:
        until(lambda: shown.session.error is not None)
        shown.session.start()
        until(lambda: shown.session.running)
