"""The window's session: its clients, and what it does while supervisors come and go."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication

from desktop.control.client import ControlClient
from desktop.control.schema import RunState, Status
from tests.gui import standin
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
