"""A container is made anew with other settings, or a second one like it; nothing is lost when that fails."""

from __future__ import annotations

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel, QPushButton

from desktop.ui.pages.edit import DuplicateDialog, EditDialog
from desktop.ui.widgets.listpage import ListPage
from desktop.ui.window import Window
from tests.gui.drive import act, choose, fill_row, go, messages, names, press, press_tool, state, top
from tests.gui.stage import until


def opened(shown: Window, name: str, operation: str) -> ListPage:
    page = go(shown, "containers")
    until(lambda: name in names(page), "the container")
    choose(page, name)
    act(page, operation)
    return page


def test_a_change_keeps_the_old_container(shown: Window) -> None:
    page = opened(shown, "web", "edit")
    dialog = top(EditDialog)
    assert sorted(dialog.ports.texts) == ["8080:80", "8443:443"]
    assert dialog.difference.text() == "Nothing is changed yet."
    assert not dialog.verb.isEnabled()
    press_tool(dialog, "Remove, row 2")
    fill_row(dialog, ("Host port 1", "9090"), ("Container port 1", "80"))
    assert "Ports: " in dialog.difference.text()
    assert "→ 9090:80" in dialog.difference.text()
    assert "6 files that it has changed" in dialog.risk.text()
    press(dialog, "Recreate")
    until(lambda: "“web” was made anew" in messages(shown), "the outcome")
    until(lambda: "web-before" in names(page), "the old one")
    assert (state(shown, "web"), state(shown, "web-before")) == ("running", "exited")
    web = next(item for item in shown.context.lists.containers.items if item.name == "web")
    assert {port.host_port for port in web.ports} == {9090}
    banner = shown.banners.shown()[0]
    next(item for item in banner.findChildren(QPushButton) if "Remove it" in item.text()).click()
    until(lambda: "web-before" not in names(page), "the removal")


def test_one_that_cannot_be_made_changes_nothing(shown: Window) -> None:
    page = opened(shown, "web", "edit")
    dialog = top(EditDialog)
    dialog.image.setCurrentText("there-is-no-such-image:1")
    press(dialog, "Recreate")
    until(lambda: any("No such image" in text for text in messages(shown)), "the error")
    until(lambda: state(shown, "web") == "running", "the old one")
    assert "web-before" not in names(page)


def test_one_of_a_project_says_so(shown: Window) -> None:
    opened(shown, "shop-db-1", "edit")
    dialog = top(EditDialog)
    assert "project “shop”" in dialog.risk.text()
    assert "UPPER" not in " ".join(dialog.environment.texts)
    dialog.reject()


def test_a_duplicate(shown: Window) -> None:
    page = opened(shown, "shop-db-1", "duplicate")
    dialog = top(DuplicateDialog)
    assert dialog.name.text() == "shop-db-1-copy"
    assert any("Both write to" in item.text() for item in dialog.findChildren(QLabel))
    press(dialog, "Run")
    until(lambda: state(shown, "shop-db-1-copy") == "running", "the second one")
    found = next(item for item in shown.context.lists.containers.items if item.name == "shop-db-1-copy")
    assert "com.docker.compose.project" not in found.labels
    assert "shop-db-1-copy" in names(page)


def test_it_is_copied_as_lines(shown: Window) -> None:
    opened(shown, "web", "line")
    until(lambda: "docker run line copied" in messages(shown), "the line")
    line = QGuiApplication.clipboard().text()
    assert line.startswith("docker run -d --name web ")
    assert "-p 8080:80" in line
    page = go(shown, "containers")
    choose(page, "web")
    act(page, "compose")
    until(lambda: "Compose file copied" in messages(shown), "the file")
    assert QGuiApplication.clipboard().text().startswith('services:\n  web:\n    image: "nginx:1.29"\n')
