"""Other engines in the window: chosen, followed, lost and found again."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFrame, QLabel, QLineEdit, QPushButton

from desktop.ui.engine_connection import State
from desktop.ui.pages.containers import ContainersPage
from desktop.ui.widgets.basics import Elided
from desktop.ui.widgets.dialogs import Form, Question
from desktop.ui.widgets.sidebar import EngineButton
from desktop.ui.window import Window
from tests.gui.drive import act, agree, choose, go, messages, names, press, top
from tests.gui.far_engines import context, over_ssh, over_tcp, over_tls
from tests.gui.stage import home, until, window


@pytest.fixture
def place(qapp: QApplication, tmp_path: Path) -> Iterator[Path]:
    """A home with a running stand-in, for windows of the test's own."""
    with home("running"):
        yield tmp_path


def use(shown: Window, title: str) -> None:
    """Choose an engine by the keyboard."""
    dialog = shown.choose_engine()
    until(lambda: title in [row.record.title for row in dialog.table.visible_rows()], title)
    rows = dialog.table.visible_rows()
    dialog.table.choose(next(row.key for row in rows if row.record.title == title))
    QTest.keyClick(dialog, Qt.Key.Key_Return)


def followed(shown: Window) -> None:
    until(lambda: shown.session.chosen.connected, "the connection")
    until(lambda: shown.context.lists.containers.known, "its containers")


def bar(shown: Window) -> str:
    bars = shown.findChildren(QFrame, "statebar")
    return " ".join(part.accessibleName() for item in bars for part in item.findChildren(Elided))


def test_the_pages_follow_the_chosen_engine(place: Path, qapp: QApplication) -> None:
    with over_tls(place) as far, window(qapp) as shown:
        page = go(shown, "containers")
        until(lambda: "web" in names(page))
        far.call(lambda: far.world.create({"Image": "alpine:3.22", "Labels": {}}, "only-there"))
        use(shown, "build-server")
        assert shown.session.chosen.state is State.CONNECTING
        followed(shown)
        until(lambda: "only-there" in names(page), "the container of the other engine")
        assert shown.windowTitle() == "build-server – Slipway"
        until(lambda: "Moby 28.5.2" in bar(shown))
        assert "build-server" in bar(shown)
        button = shown.findChildren(EngineButton)[0]
        assert button.accessibleName() == "Engine: build-server. Connected"
        far.call(lambda: far.world.create({"Image": "alpine:3.22", "Labels": {}}, "made-later"))
        until(lambda: "made-later" in names(page), "an event of the other engine")
        use(shown, "This computer")
        until(lambda: shown.context.lists.containers.known and "only-there" not in names(page))
        assert shown.windowTitle() == "Slipway"


def test_dialogs_name_the_engine(place: Path, qapp: QApplication) -> None:
    def words(dialog: Question | Form) -> str:
        return " ".join(item.text() for item in dialog.findChildren(QLabel, "engine_note"))

    with over_tls(place), window(qapp) as shown:
        page = go(shown, "volumes")
        until(lambda: names(page))
        choose(page, "cache")
        act(page, "remove")
        assert words(top(Question)) == ""
        top(Question).reject()
        use(shown, "build-server")
        followed(shown)
        until(lambda: "cache" in names(page))
        choose(page, "cache")
        act(page, "remove")
        assert words(top(Question)).startswith("On “build-server”, tcp://127.0.0.1:")
        agree()
        until(lambda: "cache" not in names(page), "the removal")
        use(shown, "This computer")
        until(lambda: "cache" in names(page), "the other one of that name")


def test_a_detail_page_does_not_outlive_its_engine(place: Path, qapp: QApplication) -> None:
    with over_tls(place), window(qapp) as shown:
        page = go(shown, "containers")
        assert isinstance(page, ContainersPage)
        until(lambda: "web" in names(page))
        page.open(next(row.record for row in page.table.visible_rows() if row.record.name == "web"), "logs")
        use(shown, "build-server")
        assert shown.stack.currentWidget() is page
        followed(shown)


def test_an_unknown_computer_is_asked_about_and_remembered_by_ssh(place: Path, qapp: QApplication) -> None:
    with over_ssh(place), window(qapp) as shown:
        page = go(shown, "containers")
        use(shown, "workstation")
        question = top(Question)
        assert "workstation" in question.windowTitle()
        assert "SHA256:" in " ".join(item.text() for item in question.findChildren(QLabel))
        question.reject()
        until(lambda: shown.session.chosen.state is State.LOST, "giving up")
        assert shown.session.chosen.pause is None, "it does not ask again by itself"
        assert "not known yet" in page.engine_away.text.text()
        assert page.engine_away.retry.isVisible()
        page.engine_away.retry.click()
        agree()
        followed(shown)
        until(lambda: "web" in names(page))
        assert isinstance(page, ContainersPage)
        line = next(row.record for row in page.table.visible_rows() if row.record.name == "web")
        detail = page.open(line, "ports")
        until(lambda: detail.findChildren(QPushButton, "link"), "its ports")
        ports = [item.text() for item in detail.findChildren(QPushButton, "link")]
        assert ports == ["127.0.0.1:8443", "127.0.0.1:8080"], "those of the other computer"
    assert "127.0.0.1" in (place / "client" / "known_hosts").read_text()


def test_an_engine_that_goes_away_is_found_again(place: Path, qapp: QApplication) -> None:
    with window(qapp) as shown:
        page = go(shown, "containers")
        (place / "one").mkdir()
        with over_tcp(place / "one"):
            use(shown, "plain")
            followed(shown)
            assert any("not encrypted" in message for message in messages(shown))
            assert "not encrypted" in bar(shown)
        until(lambda: shown.session.chosen.state is State.LOST, "the loss")
        assert shown.session.chosen.pause is not None
        assert "plain: No connection" in page.engine_away.title.text()


def test_what_was_chosen_is_remembered(place: Path, qapp: QApplication) -> None:
    with over_tls(place):
        with window(qapp) as shown:
            use(shown, "build-server")
            followed(shown)
        with window(qapp) as shown:
            until(lambda: shown.session.chosen.title == "build-server", "the memory")
            followed(shown)
    with window(qapp) as shown:  # its engine is gone; the window is there all the same
        until(lambda: shown.session.chosen.state is State.LOST)
        assert shown.session.running
        use(shown, "This computer")
        until(lambda: shown.context.lists.containers.known)


def test_what_cannot_be_used_says_why(place: Path, qapp: QApplication) -> None:
    with window(qapp) as shown:
        context("secretive", "ssh://me:secret@far", None)
        context("closed", "tcp://127.0.0.1:9", None)
        dialog = shown.choose_engine()
        engines = shown.engines
        until(lambda: any(entry.state == "Does not answer" for entry in engines.entries), "the trial")
        dialog.table.choose("context:secretive")
        assert not dialog.verb.isEnabled()
        assert "holds a password" in dialog.reason.text()
        dialog.table.choose("context:closed")
        assert dialog.verb.isEnabled()
        assert not dialog.reason.isVisible()
        dialog.reject()


def test_a_passphrase_is_asked_for_and_not_shown(place: Path, qapp: QApplication) -> None:
    with over_ssh(place), window(qapp) as shown:
        go(shown, "containers")
        key = (place / "client" / "config").read_text().split("IdentityFile ")[1].split()[0]
        subprocess.run(["ssh-keygen", "-q", "-p", "-N", "a secret", "-P", "", "-f", key], check=True)
        use(shown, "workstation")
        agree()
        form = top(Form)
        field = form.findChildren(QLineEdit)[0]
        assert field.echoMode() is QLineEdit.EchoMode.Password
        assert "passphrase" in field.accessibleName()
        QTest.keyClicks(field, "a secret")
        press(form, "Log in")
        followed(shown)
