"""The application as a whole on the stand-in: launching, closing, quitting, the tray, the second launch."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialogButtonBox, QMenu, QSystemTrayIcon

from desktop.control.client import ControlClient
from desktop.control.schema import RunState
from desktop.ui.activities import Order
from desktop.ui.app import Application
from desktop.ui.models.activity import Kind
from desktop.ui.models.transfer import Transfer
from desktop.ui.pages.container import ContainerPage
from desktop.ui.pages.shell import open_terminal
from desktop.ui.single_instance import LOCK, PING, SOCKET, SingleInstance
from desktop.ui.widgets.dialogs import Question
from engine.client.models import Progress
from tests.gui.drive import agree, top
from tests.gui.stage import home, until

Launch = Callable[..., "Started"]


class Started(Application):
    """An application whose end is noted, not carried out."""

    ended = False

    def note_end(self) -> None:
        self.ended = True

    @property
    def status(self) -> RunState | None:
        return self.session.status.state if self.session.status is not None else None


@pytest.fixture
def scenario() -> str:
    return "running"


@pytest.fixture
def folder(scenario: str) -> Iterator[Path]:
    with home(scenario, begun=False) as made:
        yield made


@contextmanager
def started(app: QApplication, folder: Path, *, background: bool = False) -> Iterator[Started]:
    (folder / "run").mkdir(exist_ok=True)
    notes: list[Started] = []
    instance = SingleInstance(folder / "run")
    made = Started(app, instance, background=background, leave=lambda: notes[0].note_end())
    notes.append(made)
    made.show()
    try:
        until(lambda: made.status is not None, "the stand-in's status")
        yield made
    finally:
        made.close()
        instance.release()
        made.window.deleteLater()
        app.processEvents()


@pytest.fixture
def tray(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether the desktop has a tray; the last one counts."""
    there = [True]
    monkeypatch.setattr(QSystemTrayIcon, "isSystemTrayAvailable", staticmethod(lambda: there[-1]))
    return there


def choose(started: Started, on_close: str) -> None:
    done: list[bool] = []
    started.session.control(
        lambda client: client.set_settings({"on_close": on_close}), lambda _: done.append(True)
    )
    until(lambda: done)


class TestLaunch:
    @pytest.fixture
    def scenario(self) -> str:
        return "empty"  # and stopped

    def test_the_window_is_there_before_the_engine(self, qapp: QApplication, folder: Path) -> None:
        (folder / "run").mkdir()
        instance = SingleInstance(folder / "run")
        application = Application(qapp, instance)
        application.show()
        assert application.window.isVisible()
        assert application.session.status is None
        until(lambda: application.session.running, "the engine, which the window starts")
        application.close()
        application.window.close()
        instance.release()

    def test_in_the_background(self, qapp: QApplication, folder: Path, tray: list[bool]) -> None:
        with started(qapp, folder, background=True) as application:
            until(lambda: application.session.running)
            assert not application.window.isVisible()
            assert not application.ended
            application.tray.open.trigger()
            assert application.window.isVisible()

    def test_in_the_background_of_a_desktop_without_a_tray(
        self, qapp: QApplication, folder: Path, tray: list[bool]
    ) -> None:
        tray.append(False)
        with started(qapp, folder, background=True) as application:
            until(lambda: application.ended)
            assert application.session.running  # not before the engine is up


class TestFailing:
    @pytest.fixture
    def scenario(self) -> str:
        return "failing"

    def test_trouble_is_told_to_whoever_does_not_look(
        self, qapp: QApplication, folder: Path, tray: list[bool], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        said: list[str] = []
        monkeypatch.setattr(QSystemTrayIcon, "showMessage", lambda icon, *words: said.extend(words[:2]))
        with started(qapp, folder, background=True) as application:
            until(lambda: application.status is RunState.FAILED)
            assert said == ["QEMU ended in the trial boot", "Install QEMU 7.2 or newer."]
            status = application.session.status
            assert status is not None
            assert status.stage == "looking for hardware acceleration"
            assert application.tray.start.isEnabled()
            assert not application.tray.stop.isEnabled()


class TestClosing:
    def test_it_stays_in_the_tray(self, qapp: QApplication, folder: Path, tray: list[bool]) -> None:
        with started(qapp, folder) as application:
            application.window.close()
            choose(application, "tray")  # answered after the window's own question
            assert not application.ended
            application.tray.open.trigger()
            assert application.window.isVisible()

    def test_without_a_tray_it_quits_and_the_engine_goes_on(
        self, qapp: QApplication, folder: Path, tray: list[bool]
    ) -> None:
        tray.append(False)
        with started(qapp, folder) as application:
            application.window.close()
            until(lambda: application.ended)
            assert application.session.running

    def test_quit_if_that_is_wanted(self, qapp: QApplication, folder: Path, tray: list[bool]) -> None:
        with started(qapp, folder) as application:
            choose(application, "quit")
            application.window.close()
            until(lambda: application.ended)
            assert application.session.running

    def test_stop_the_engine_if_that_is_wanted(self, qapp: QApplication, folder: Path, tray: list[bool]) -> None:
        with started(qapp, folder) as application:
            choose(application, "stop")
            application.window.close()
            until(lambda: application.ended)
            until(lambda: not application.session.running)


async def endless() -> AsyncIterator[Progress]:
    """A pull that goes on until it is cancelled."""
    yield Progress(status="Pulling")
    await asyncio.Event().wait()


class TestQuitting:
    def test_nothing_is_asked_when_nothing_would_be_lost(
        self, qapp: QApplication, folder: Path, tray: list[bool]
    ) -> None:
        with started(qapp, folder) as application:
            QTest.keyClick(application.window, Qt.Key.Key_Q, Qt.KeyboardModifier.ControlModifier)
            until(lambda: application.ended)
            assert application.session.running

    @pytest.mark.parametrize("on_close", ["tray", "stop"])
    def test_quitting_starts_nothing(
        self, qapp: QApplication, folder: Path, tray: list[bool], on_close: str
    ) -> None:
        """The supervisor was ended meanwhile; what it said last of the settings counts."""
        with started(qapp, folder) as application:
            choose(application, on_close)
            application.session.control(lambda client: client.shutdown())
            until(lambda: application.status is None, "the end of the supervisor")
            application.quit()
            until(lambda: application.ended)
            assert not (folder / "run" / "control.sock").exists()

    def test_a_pull_is_named_before_it_is_lost(self, qapp: QApplication, folder: Path, tray: list[bool]) -> None:
        with started(qapp, folder) as application:
            until(lambda: application.session.running)
            application.session.activities.begin(Order(Kind.PULL, "Pulling a:1", endless, reader=Transfer))
            assert application.losses() == ["Pulling a:1"]
            context = application.window.context
            until(lambda: context.lists.containers.items, "the containers")
            web = next(item for item in context.lists.containers.items if item.name == "web")
            terminal = open_terminal(context, web.id, web.name)
            until(lambda: terminal.running, "the terminal")
            assert application.losses() == ["Pulling a:1", "Terminal: web"]
            application.tray.quit.trigger()
            question = top(Question)
            assert not application.ended
            QTest.mouseClick(
                question.buttons.button(QDialogButtonBox.StandardButton.Cancel), Qt.MouseButton.LeftButton
            )
            assert not application.ended
            application.tray.quit.trigger()
            agree()
            until(lambda: application.ended)


class TestQuittingAStart:
    @pytest.fixture
    def scenario(self) -> str:
        return "slow"

    def test_a_start_goes_on_without_the_window(self, qapp: QApplication, folder: Path, tray: list[bool]) -> None:
        with started(qapp, folder) as application:
            until(lambda: application.status is RunState.STARTING)
            assert application.losses() == []
            application.tray.quit.trigger()
            until(lambda: application.ended)
        assert asyncio.run(state()) is RunState.STARTING
        until(lambda: asyncio.run(state()) is RunState.RUNNING)


async def state() -> RunState:
    """What the stand-in says to whoever asks now."""
    async with await ControlClient.connect(spawn=False) as client:
        return (await client.status()).state


class TestTray:
    def test_its_menu(self, qapp: QApplication, folder: Path, tray: list[bool]) -> None:
        with started(qapp, folder) as application:
            menu = application.tray
            until(lambda: application.session.running)
            assert menu.state.text() == "Slipway: running"
            assert (menu.start.isEnabled(), menu.stop.isEnabled(), menu.restart.isEnabled()) == (False, True, True)
            menu.stop.trigger()
            until(lambda: menu.state.text() == "Slipway: stopped")
            assert (menu.start.isEnabled(), menu.stop.isEnabled(), menu.restart.isEnabled()) == (
                True,
                False,
                False,
            )
            menu.start.trigger()
            until(lambda: application.session.running)
            menu.settings.trigger()
            assert application.window.place == "settings"

    def test_running_containers(self, qapp: QApplication, folder: Path, tray: list[bool]) -> None:
        with started(qapp, folder) as application:
            menu = application.running

            def offered() -> dict[str, QMenu]:
                found = {action.text(): action.menu() for action in menu.actions()}
                return {name: each for name, each in found.items() if isinstance(each, QMenu)}

            until(lambda: "web" in offered(), "the running containers")
            assert menu.title() == f"Running containers: {len(offered())}"
            words = [action.text() for action in offered()["web"].actions() if action.text()]
            assert words[0] == "Open"
            assert any(text.startswith("Open http://localhost:") for text in words)
            offered()["web"].actions()[0].trigger()
            assert isinstance(application.window.stack.currentWidget(), ContainerPage)
            next(action for action in offered()["web"].actions() if action.text() == "Stop").trigger()
            until(lambda: "web" not in offered(), "it has stopped")

    def test_a_switch_that_cannot_be_says_why(self, qapp: QApplication, folder: Path, tray: list[bool]) -> None:
        with started(qapp, folder) as application:
            assert application.tray.switch.text() == "Switch to Windows containers (needs a Windows computer)"
            assert not application.tray.switch.isEnabled()


class TestSecondLaunch:
    @pytest.mark.parametrize("background", [False, True])
    def test_it_raises_the_first_and_ends(
        self, qapp: QApplication, folder: Path, tray: list[bool], background: bool
    ) -> None:
        with started(qapp, folder) as application:
            assert application.instance.first
            application.window.hide()
            words = [sys.executable, "-m", "desktop.ui", *(["--background"] if background else [])]
            second = subprocess.Popen(words, env={**os.environ, "QT_QPA_PLATFORM": "offscreen"})
            until(lambda: second.poll() is not None)
            assert second.returncode == 0
            assert application.window.isVisible() is not background

    @pytest.mark.parametrize("is_open", [True, False])
    def test_an_installer_ends_the_window(
        self, qapp: QApplication, folder: Path, tray: list[bool], is_open: bool
    ) -> None:
        """Without a question, and it opens none where none is open."""
        words = [sys.executable, "-m", "desktop.ui", "--quit"]
        with started(qapp, folder) if is_open else nullcontext() as application:
            asking = subprocess.Popen(words, env={**os.environ, "QT_QPA_PLATFORM": "offscreen"})
            until(lambda: asking.poll() is not None)
            assert asking.returncode == 0
            if application is not None:
                until(lambda: application.ended)

    def test_a_first_one_that_hangs_is_not_waited_for(self, qapp: QApplication, tmp_path: Path) -> None:
        with socket.socket(socket.AF_UNIX) as silent:
            silent.bind(str(tmp_path / SOCKET))
            silent.listen()
            began = time.monotonic()
            assert not SingleInstance(tmp_path).call_first(PING, 0.3)
            assert time.monotonic() - began < 2

    def test_one_that_has_died_leaves_nothing_in_the_way(self, qapp: QApplication, tmp_path: Path) -> None:
        script = (
            "import os, sys, socket; from pathlib import Path\n"
            "from desktop.ui.single_instance import SOCKET, SingleInstance\n"
            "instance = SingleInstance(Path(sys.argv[1])); assert instance.first\n"
            "s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1] + '/' + SOCKET); s.listen()\n"
            "os.kill(os.getpid(), 9)"
        )
        subprocess.run([sys.executable, "-c", script, tmp_path], check=False)
        assert (tmp_path / SOCKET).exists()
        assert (tmp_path / LOCK).exists()
        instance = SingleInstance(tmp_path)
        assert instance.first
        assert not SingleInstance(tmp_path).first
        raised: list[bool] = []
        instance.listen(lambda: raised.append(True), lambda: None)
        asked = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "import sys; from pathlib import Path; from PySide6.QtCore import QCoreApplication as Q\n"
                "from desktop.ui.single_instance import SingleInstance; a = Q([])\n"
                "sys.exit(not SingleInstance(Path(sys.argv[1])).call_first())",
                str(tmp_path),
            ]
        )
        until(lambda: asked.poll() is not None)
        assert asked.returncode == 0
        assert raised == [True]
        instance.release()
