"""Short words for what a user does in the window."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QLabel, QLineEdit, QPushButton, QToolButton, QWidget

from desktop.ui.pages.containers import ContainersPage
from desktop.ui.pages.file_editor import FileEditor
from desktop.ui.pages.files import FilesPanel
from desktop.ui.pages.home.page import HomePage
from desktop.ui.pages.images import ImagesPage
from desktop.ui.pages.network import MembersPanel
from desktop.ui.pages.networks import NetworksPage
from desktop.ui.pages.settings.bundle import BundleDialog
from desktop.ui.pages.settings.page import SettingsPage
from desktop.ui.pages.volume_operations import ask_import
from desktop.ui.pages.volume_removal import RemovedVolumesDialog
from desktop.ui.widgets.dialogs import Form, Question
from desktop.ui.widgets.listpage import ListPage
from desktop.ui.window import Window
from tests.gui.stage import until

T = TypeVar("T", bound=QWidget)


def go(shown: Window, place: str) -> ListPage:
    """Go to a page with a list."""
    shown.show_place(place)
    page = shown.pages[place]
    assert isinstance(page, ListPage)
    return page


def names(page: ListPage) -> list[str]:
    """The first column of what is shown."""
    return [page.table.records.columns[0].text(row.record) for row in page.table.visible_rows()]


def choose(page: ListPage, *wanted: str) -> None:
    """Select rows by their first column."""
    first = page.table.records.columns[0]
    keys = [row.key for row in page.table.visible_rows() if first.text(row.record) in wanted]
    assert len(keys) >= len(wanted), (wanted, names(page))
    page.table.choose(*keys)


def act(page: ListPage, operation: str) -> None:
    """Trigger an operation that is offered."""
    action = page.actions_by_name[operation]
    assert action.isEnabled(), f"{operation} is not offered for what is chosen"
    action.trigger()


def top(kind: type[T]) -> T:
    """The dialog of a kind that is open."""
    found: list[T] = []

    def look() -> bool:
        widgets = QApplication.topLevelWidgets()
        found[:] = [item for item in widgets if isinstance(item, kind) and item.isVisible()]
        return bool(found)

    until(look, f"a {kind.__name__}")
    return found[-1]


def agree(*, option: bool = False) -> Question:
    """Agree to the question that is asked."""
    question = top(Question)
    question.option.setChecked(option)
    QTest.mouseClick(question.verb, Qt.MouseButton.LeftButton)
    return question


def fill(form: Form, **texts: str) -> None:
    """Type into fields, by their accessible names."""
    for name, text in texts.items():
        field = next(item for item in form.findChildren(QLineEdit) if item.accessibleName().lower() == name)
        field.clear()
        QTest.keyClicks(field, text)


def fill_row(form: Form, *texts: tuple[str, str]) -> None:
    """Type into fields of rows, by their accessible names, such as ``Host port 1``."""
    for name, text in texts:
        fill(form, **{name.lower(): text})


def refusal(form: Form, name: str) -> str:
    """Why a field's text is refused, as it is shown below the field and read out; empty when it is not."""
    fields = form.findChildren(QLineEdit)
    field = next(item for item in fields if item.accessibleName().lower() == name.lower())
    why = field.accessibleDescription()
    shown = [item.text() for item in form.findChildren(QLabel, "reason") if item.isVisible()]
    assert not why or why in shown, (why, shown)
    return why


def press(dialog: QDialog, words: str) -> None:
    """Press a button by its words."""
    found = [item for item in dialog.findChildren(QPushButton) if item.accessibleName() == words]
    assert found, words
    assert found[0].isEnabled(), f"{words} is greyed out"
    QTest.mouseClick(found[0], Qt.MouseButton.LeftButton)


def press_tool(dialog: QDialog, words: str, within: QWidget | None = None) -> None:
    """Press a button that has only a picture, by its accessible name."""
    found = [item for item in (within or dialog).findChildren(QToolButton) if item.accessibleName() == words]
    assert found, words
    QTest.mouseClick(found[0], Qt.MouseButton.LeftButton)


def strike(widget: QWidget, key: Qt.Key) -> None:
    """Press a key with the focus in a widget."""
    widget.setFocus()
    until(widget.hasFocus, f"the focus of {widget.accessibleName()}")
    QTest.keyClick(widget, key)


def messages(shown: Window) -> list[str]:
    """The messages that are shown."""
    return [banner.message for banner in shown.banners.shown()]


def state(shown: Window, name: str) -> str:
    """A container's state, as the lists know it; empty when it is gone."""
    found = [item.state for item in shown.context.lists.containers.items if item.name == name]
    return found[0] if found else ""


def _of_settings(shown: Window, tab: str, words: str, kind: type[QDialog]) -> QDialog:
    """Open a dialog of the settings by its button."""
    shown.show_place("settings")
    page = shown.pages["settings"]
    assert isinstance(page, SettingsPage)
    page.tabs.setCurrentIndex([page.tabs.tabText(n) for n in range(page.tabs.count())].index(tab))
    buttons = page.tabs.currentWidget().findChildren(QPushButton)
    next(item for item in buttons if item.accessibleName() == words).click()
    return top(kind)


def _connect(shown: Window) -> QDialog:
    """Open the dialog that connects a container to a network."""
    page = go(shown, "networks")
    until(lambda: names(page), "rows")
    assert isinstance(page, NetworksPage)
    panel = page.open(page.table.visible_rows()[0].record).tab("containers")
    assert isinstance(panel, MembersPanel)
    return panel.connect_dialog()


def _import_volume(shown: Window) -> QDialog:
    """Open the form that names what an archive becomes."""
    return ask_import(go(shown, "volumes"), shown.context, Path("backup.tar.zst"))


def _edit_file(shown: Window) -> QDialog:
    """Open a small text file of a container."""
    page = go(shown, "containers")
    until(lambda: "web" in names(page), "rows")
    assert isinstance(page, ContainersPage)
    record = next(row.record for row in page.table.visible_rows() if row.record.name == "web")
    panel = page.open(record, "files").tab("files")
    assert isinstance(panel, FilesPanel)
    panel.open_editor("/etc/hostname")
    return top(FileEditor)


def _prune_networks(shown: Window) -> QDialog:
    """Open the question with a network that no container uses."""
    page = go(shown, "networks")
    assert isinstance(page, NetworksPage)
    shown.session.bridge.call(shown.session.engine.networks.create("unused"))
    until(lambda: "unused" in names(page), "the network")
    page.prune()
    return top(Question)


def _prune_cache(shown: Window) -> QDialog:
    """Open the question of Home."""
    shown.show_place("home")
    page = shown.pages["home"]
    assert isinstance(page, HomePage)
    until(page.disk.prune["Build cache"].isEnabled, "what the cache takes")
    page.disk.prune_cache()
    return top(Question)


def _progress(shown: Window) -> QDialog:
    """Pull what cannot be had: the dialog stays, with the reason."""
    page = go(shown, "images")
    until(lambda: names(page), "rows")
    assert isinstance(page, ImagesPage)
    dialog = page.show_job(page.pull("offline.example/app:1"))
    until(lambda: dialog.done_with, "the refusal")
    return dialog


def dialogs(shown: Window) -> dict[str, Callable[[], QDialog]]:
    """Every dialog that the pages have, by a short name: each function goes there and opens it."""

    def of(place: str, operation: str, kind: type[QDialog], *chosen: str) -> Callable[[], QDialog]:
        def make() -> QDialog:
            page = go(shown, place)
            until(lambda: names(page), "rows")
            choose(page, *(chosen or names(page)[-1:]))
            act(page, operation)
            return top(kind)

        return make

    def calling(place: str, method: str, kind: type[QDialog]) -> Callable[[], QDialog]:
        def make() -> QDialog:
            page = go(shown, place)
            until(lambda: names(page), "rows")
            getattr(page, method)()
            return top(kind)

        return make

    return {
        "run": calling("containers", "run_dialog", Form),
        "rename": of("containers", "rename", Form, "web"),
        "remove-containers": of("containers", "remove", Question, "web", "builder"),
        "pull": calling("images", "pull_dialog", Form),
        "search": calling("images", "search_dialog", QDialog),
        "build": calling("images", "build_dialog", Form),
        "tag": of("images", "tag", Form, "redis"),
        "remove-image": of("images", "remove", Question, "redis"),
        "prune-images": calling("images", "prune", Question),
        "create-volume": calling("volumes", "create_dialog", Form),
        "remove-volume": of("volumes", "remove", Question, "cache"),
        "clone-volume": of("volumes", "clone", Form, "cache"),
        "empty-volume": of("volumes", "empty", Question, "cache"),
        "import-volume": partial(_import_volume, shown),
        "removed-volumes": calling("volumes", "removed_dialog", RemovedVolumesDialog),
        "edit-file": partial(_edit_file, shown),
        "create-network": calling("networks", "create_dialog", Form),
        "remove-network": of("networks", "remove", Question, "shop_default"),
        "connect": partial(_connect, shown),
        **{f"prune-{place}": calling(place, "prune", Question) for place in ("containers", "volumes")},
        "prune-networks": partial(_prune_networks, shown),
        "prune-cache": partial(_prune_cache, shown),
        "progress": partial(_progress, shown),
        "reset": partial(_of_settings, shown, "Reset", "Reset everything…", Question),
        "bundle": partial(_of_settings, shown, "Diagnosis", "Support bundle…", BundleDialog),
        "keys": shown.show_shortcuts,
    }


def settings_page(shown: Window) -> SettingsPage:
    """Go to the settings, and wait until they are there."""
    shown.show_place("settings")
    found = shown.pages["settings"]
    assert isinstance(found, SettingsPage)
    until(lambda: found.model.report is not None, "the settings")
    return found
