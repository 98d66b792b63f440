"""Home: what the cards show, and what can be done from them."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QWidget

from desktop.control.schema import RunState, WarningReport
from desktop.ui.models.events import phrase
from desktop.ui.models.work import PORTS
from desktop.ui.pages.container import ContainerPage
from desktop.ui.pages.home import HomePage
from desktop.ui.pages.home.events import EventsCard
from desktop.ui.pages.home.logs import LogsDialog
from desktop.ui.pages.home.page import TWO_COLUMNS
from desktop.ui.pages.home.work import WorkCard
from desktop.ui.pages.image_prune import PruneDialog
from desktop.ui.pages.project import ProjectPage
from desktop.ui.pages.settings import SettingsPage
from desktop.ui.widgets.table import chips
from desktop.ui.window import Window
from engine.client import Event
from engine.client.command import ClientVersion, client_version
from engine.client.containers import Containers
from engine.client.models import OURS
from tests.gui.drive import agree, go, messages, top
from tests.gui.stage import until
from vm.errors import EngineError

WORK = ["builder", "shop", "sleeper", "web"]


def home_page(shown: Window) -> HomePage:
    page = shown.pages["home"]
    assert isinstance(page, HomePage)
    return page


def click(widget: QWidget) -> None:
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton)


def key_of(shown: Window, name: str) -> str:
    return next(item.id for item in shown.context.lists.containers.items if item.name == name)


class TestRunning:
    def test_versions_of_client_and_server(self, shown: Window) -> None:
        home = home_page(shown).about()
        until(lambda: home.versions.server["Version"].text() == "Moby 28.5.2")
        assert home.versions.server["OS/Arch"].text() == "linux/amd64"
        assert home.versions.server["runc"].text() == "1.3.6"
        home.versions.show_client(ClientVersion("28.2.2", "1.50", "go1.24", "abc", "linux/arm64"))
        assert home.versions.client["OS/Arch"].text() == "linux/arm64"

    def test_a_client_that_is_not_there(self, shown: Window, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", "/nowhere")
        home = home_page(shown).about()
        failed: list[EngineError] = []
        shown.session.bridge.call(client_version(), None, failed.append)  # type: ignore[arg-type]  # it is that one
        until(lambda: failed)
        home.versions.show_missing(failed[0])
        assert "not installed" in home.versions.client["Version"].text()
        assert home.versions.missing.isVisible()
        click(home.versions.help)
        settings = shown.stack.currentWidget()
        assert isinstance(settings, SettingsPage)
        assert settings.docker.isVisible()

    def test_warnings_are_shown_with_their_hints(self, shown: Window) -> None:
        home, status = home_page(shown), shown.session.status
        assert status is not None
        assert not home.state.fix.isVisible()
        warnings = (WarningReport("~/.docker cannot be read", "Make it yours."),)
        shown.session._take_statuses([dataclasses.replace(status, warnings=warnings)])  # noqa: SLF001 - a status
        assert home.state.fix.text() == "~/.docker cannot be read. Make it yours."
        assert home.state.fix.isVisible()

    def test_the_machines_load_and_acceleration(self, shown: Window) -> None:
        home = home_page(shown).about()
        until(lambda: "MiB of" in home.machine.memory.text())
        assert home.machine.acceleration.text() == "none"
        assert "nested virtualisation" in home.machine.speed.text()

    def test_what_failed_is_first_then_projects_and_containers(self, shown: Window) -> None:
        home = home_page(shown)
        until(lambda: [row.record.line.name for row in home.work.table.visible_rows()] == WORK, "the work")
        rows = home.work.table.visible_rows()
        assert rows[0].record.what.startswith("exited with 137: killed")
        assert rows[1].record.what == "3 of 3 running"
        assert home.work.count.text() == "4 of 7 running"
        home.work.table.opened.emit(rows[1])
        assert isinstance(shown.stack.currentWidget(), ProjectPage)
        shown.show_place("home")
        home.work.table.opened.emit(rows[0])
        assert isinstance(shown.stack.currentWidget(), ContainerPage)

    def test_ports_open_by_their_chips_and_by_a_key(self, shown: Window, monkeypatch: pytest.MonkeyPatch) -> None:
        opened: list[str] = []
        monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(QUrl(url).toString()))
        table = home_page(shown).work.table
        until(lambda: table.index_of(key_of(shown, "web")).isValid(), "web")
        cell = table.visualRect(table.index_of(key_of(shown, "web")).siblingAtColumn(PORTS))
        text = table.records.columns[PORTS].text(table.visible_rows()[3].record)
        second = chips(table.fontMetrics(), text, cell.left() + 8)[1]
        place = QPoint(second.center().x(), cell.center().y())
        QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
        table.setFocus()
        QTest.keyClick(table, Qt.Key.Key_O, Qt.KeyboardModifier.ControlModifier)
        assert opened == ["https://localhost:8443/", "http://localhost:8080/"]

    def test_memory_that_ran_out_is_said(self, shown: Window, monkeypatch: pytest.MonkeyPatch) -> None:
        genuine = Containers.inspect

        async def inspect(containers: Containers, name: str, **options: Any) -> dict[str, Any]:
            values = await genuine(containers, name, **options)
            return {**values, "State": {**values["State"], "OOMKilled": True}}

        monkeypatch.setattr(Containers, "inspect", inspect)
        card = WorkCard(shown.context)
        until(lambda: card.table.visible_rows()[0].record.what.startswith("exited with 137: out of memory"))

    def test_dials_and_images(self, shown: Window) -> None:
        home = home_page(shown)
        until(lambda: "% of" in home.dials.dials["Memory"].accessibleName(), "the memory")
        until(lambda: "% of" in home.dials.dials["Disk"].accessibleName(), "the disk")
        until(lambda: len(home.images.table.visible_rows()) == 5, "the images")
        height = home.work.height()
        click(home.state.stop)
        until(lambda: home.state.title.text() == "Stopped")
        until(lambda: home.work.stack.currentIndex() == 1)
        assert home.work.height() == height, "nothing jumps"
        assert home.dials.dials["Memory"].accessibleName() == "Memory: not known"

    def test_events_are_sentences_and_those_before_are_known(self, shown: Window) -> None:
        home = home_page(shown)
        shown.session.bridge.call(shown.session.engine.volumes.create("noise"))
        until(lambda: "Volume noise was created" in home.events.texts())
        later = EventsCard(shown.context)
        later.setParent(home)
        later.show()
        until(lambda: "Volume noise was created" in later.texts())

    def test_each_kind_on_disk_can_be_freed(self, shown: Window) -> None:
        home = home_page(shown)
        until(lambda: home.disk.prune["Build cache"].isEnabled())
        assert home.disk.free["Build cache"].text() == "120 MB reclaimable"
        click(home.disk.prune["Build cache"])
        assert any("120 MB" in part.text() for part in agree().findChildren(QLabel))
        until(lambda: messages(shown) == ["Freed 120 MB"])
        until(lambda: not home.disk.prune["Build cache"].isEnabled())
        shown.banners.clear()
        click(home.disk.prune["Containers"])
        question = agree()
        assert any("builder" in part.text() for part in question.findChildren(QLabel))
        until(lambda: "builder" not in [item.name for item in shown.context.lists.containers.items])
        shown.show_place("home")
        click(home.disk.prune["Volumes"])
        question = agree()
        assert any("cache   48 MB" in part.text() for part in question.findChildren(QLabel))
        until(lambda: "cache" not in [item.name for item in shown.context.lists.volumes.items])
        shown.show_place("home")
        until(lambda: home.disk.prune["Images"].isEnabled())
        click(home.disk.prune["Images"])
        top(PruneDialog)

    def test_stop_and_start_by_its_buttons(self, shown: Window) -> None:
        home = home_page(shown)
        until(lambda: home.state.stop.isVisible())
        click(home.state.stop)
        until(lambda: home.state.title.text() == "Stopped")
        assert home.disk.used["Images"].text() == "–"
        click(home.state.start)
        until(lambda: shown.session.running)
        about = home.about()
        until(lambda: about.versions.server["Version"].text() == "Moby 28.5.2")
        until(lambda: "s until ready" in about.boot.total.text())


class TestFullMemory:
    @pytest.fixture
    def scenario(self) -> str:
        return "running,full"

    def test_it_is_said_with_what_to_do(self, shown: Window) -> None:
        home = home_page(shown)
        until(lambda: "memory is full" in home.state.text.text())
        assert home.state.text.isVisible()
        assert "Stop containers" in home.state.fix.text()
        assert home.state.title.text() == "Running"


class TestRestarting:
    @pytest.fixture
    def scenario(self) -> str:
        return "running,slow"

    def test_it_is_called_so(self, shown: Window) -> None:
        home = home_page(shown)
        until(lambda: home.state.restart.isVisible())
        click(home.state.restart)
        until(lambda: home.state.title.text() == "Restarting …")
        assert shown.side.engine.accessibleName() == "Engine: This computer. Restarting …"
        shown.session.stop()
        until(lambda: home.state.title.text() == "Stopped")
        shown.session.start()
        until(lambda: home.state.title.text() == "Starting …")


class TestStarting:
    @pytest.fixture
    def scenario(self) -> str:
        return "slow"

    def test_stages_are_told_with_their_times(self, shown: Window) -> None:
        home = home_page(shown)
        shown.session.start()
        until(lambda: "✓  preparing the data disk" in home.state.stages.text())
        assert "Starting" in home.state.title.text()
        until(lambda: shown.session.running, seconds=30)
        about = home.about()
        until(lambda: "s until ready" in about.boot.total.text())
        assert "accelerator" in about.boot.graph.accessibleName()

    def test_a_start_that_was_cancelled(self, shown: Window) -> None:
        home = home_page(shown)
        shown.session.start()
        until(lambda: home.state.stages.text())
        shown.session.stop()
        until(lambda: home.state.title.text() == "Stopped")
        assert home.state.text.text() == "The start was cancelled"


class TestFailing:
    @pytest.fixture
    def scenario(self) -> str:
        return "failing"

    def test_a_failed_start_says_why_and_offers_the_fix(self, shown: Window) -> None:
        home = home_page(shown)
        shown.session.start()
        until(lambda: home.state.title.text() == "Start failed")
        assert home.state.text.text() == "QEMU ended in the trial boot"
        assert home.state.stages.text().endswith("✗  looking for hardware acceleration")
        assert home.state.fix.text() == "Install QEMU 7.2 or newer."
        assert home.state.start.accessibleName() == "Start again"
        assert shown.session.status is not None
        assert shown.session.status.state is RunState.FAILED
        click(home.state.logs)
        dialog = top(LogsDialog)
        until(lambda: dialog.view.lines > 0)
        assert dialog.source.findText("Windows engine") == -1, "there can be none"
        dialog.source.setCurrentText("QEMU")
        until(lambda: "This log does not exist yet" in dialog.view.text.toPlainText())
        dialog.reject()
        click(home.state.diagnose)
        assert shown.place == "settings"
        away = go(shown, "images").engine_away
        assert away.text.text() == "QEMU ended in the trial boot. Install QEMU 7.2 or newer."


@pytest.mark.parametrize(
    ("kind", "action", "attributes", "said"),
    [
        ("container", "die", {"name": "web", "exitCode": "137"}, "Container web exited with code 137"),
        ("container", "kill", {"name": "web", "signal": "15"}, "Container web was sent signal 15"),
        ("container", "exec_start: sh", {"name": "web"}, ""),
        ("image", "delete", {"name": "sha256:0123456789abcdef"}, "Image 0123456789ab was removed"),
        ("container", "start", {"name": "x", OURS: "volume"}, ""),
    ],
)
def test_events_in_words(kind: str, action: str, attributes: dict[str, str], said: str) -> None:
    assert phrase(Event(kind, action, "f" * 64, attributes, 0)) == said


def test_cards_have_room_after_the_window_was_narrowed_on_another_page(shown: Window) -> None:
    home = shown.pages["home"]
    assert isinstance(home, HomePage)
    shown.resize(1280, 800)
    shown.show_place("home")
    cards = (home.dials, home.images, home.disk, home.events)
    until(lambda: home.viewport().width() > TWO_COLUMNS, "two columns")
    until(lambda: home.images.x() > home.dials.x() > 0, "their places")
    shown.show_place("images")
    QApplication.processEvents()
    shown.resize(1000, 640)
    QApplication.processEvents()
    shown.show_place("home")
    until(lambda: home.images.y() > home.dials.y(), "one column")
    until(lambda: all(card.height() >= card.minimumSizeHint().height() for card in cards), "room for all cards")
