"""The tabs beside the form: Docker context, diagnosis with the support bundle, reset."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

from PySide6.QtWidgets import QLabel

from desktop.control.schema import ResetLevel, RunState
from desktop.ui.pages.settings import SettingsPage
from desktop.ui.pages.settings.bundle import BundleDialog
from desktop.ui.widgets.dialogs import Question
from desktop.ui.window import Window
from tests.gui.drive import agree, messages, top
from tests.gui.settings.steps import box, cancel, click, line, show, stored, type_into
from tests.gui.stage import until


def test_the_docker_context(page: SettingsPage) -> None:
    show(page, "docker")
    until(lambda: page.docker.current.text().startswith("default"))
    assert page.docker.answer.text() == "no"
    assert not page.docker.restore.isEnabled()
    click(page.docker.use)
    until(lambda: page.docker.current.text().startswith("slipway"))
    assert "Slipway's" in page.docker.engine.text()
    click(page.docker.restore)
    until(lambda: page.docker.current.text().startswith("default"))


class TestDiagnosis:
    def test_it_names_what_to_mend(self, page: SettingsPage) -> None:
        page.diagnosis.check()
        until(lambda: "checks" in page.diagnosis.note.text(), seconds=60)
        assert page.diagnosis.results.count() >= 10

    def test_a_bundle_is_shown_before_it_is_saved(self, page: SettingsPage, shown: Window, tmp_path: Path) -> None:
        show(page, "proxy")
        type_into(line(page, "daemon.proxies.http-proxy"), "http://me:hunter2@proxy:3128")
        click(page.bar.later)
        until(lambda: stored(page, "daemon"))
        show(page, "diagnosis")
        click(page.diagnosis.collect)
        dialog = top(BundleDialog)
        names = [file.name for file in dialog.files]
        assert {"about.txt", "diagnosis.txt", "settings.json", "logs/supervisor.log"} <= set(names)
        dialog.list.setCurrentRow(names.index("settings.json"))
        assert "[redacted]@proxy:3128" in dialog.text.toPlainText()
        assert "hunter2" not in "".join(file.text for file in dialog.files)
        path = tmp_path / "bundle.zip"
        dialog.save(path)
        until(lambda: f"The support bundle is in {path}" in messages(shown))
        with zipfile.ZipFile(path) as archive:
            assert archive.namelist() == [f"slipway/{name}" for name in names]

    def test_a_bundle_that_is_not_wanted(self, page: SettingsPage) -> None:
        show(page, "diagnosis")
        click(page.diagnosis.collect)
        dialog = top(BundleDialog)
        cancel(dialog)
        assert not dialog.isVisible()


class TestReset:
    def test_each_level_says_what_it_takes_away(self, page: SettingsPage) -> None:
        show(page, "reset")
        for level, words in (
            (ResetLevel.DATA, "keep the settings"),
            (ResetLevel.ALL, "delete the machine's system image"),
        ):
            click(page.reset.buttons[level])
            question = top(Question)
            assert any(words in part.text() for part in question.findChildren(QLabel)), level
            cancel(question)
            until(question.isHidden)

    def test_the_settings_only(self, page: SettingsPage, shown: Window) -> None:
        show(page, "behaviour")
        box(page.behaviour, "start_at_login").click()
        click(page.bar.apply)
        until(lambda: stored(page, "start_at_login") is True)
        show(page, "reset")
        click(page.reset.buttons[ResetLevel.SETTINGS])
        agree()
        until(lambda: stored(page, "start_at_login") is False)
        assert not list((Path(os.environ["XDG_CONFIG_HOME"]) / "autostart").glob("*"))
        assert shown.session.running

    def test_everything(self, page: SettingsPage, shown: Window) -> None:
        show(page, "behaviour")
        click(page.behaviour.menu_add)
        until(lambda: messages(shown))
        show(page, "reset")
        click(page.reset.buttons[ResetLevel.ALL])
        agree()
        until(lambda: any("reset" in text for text in messages(shown)))
        assert shown.session.status is not None
        until(lambda: shown.session.status is not None and shown.session.status.state is RunState.STOPPED)
        assert not list((Path(os.environ["XDG_DATA_HOME"]) / "applications").glob("*"))
