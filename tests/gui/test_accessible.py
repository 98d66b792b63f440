"""Every page for keyboard and screen reader: names, roles, and a tab order that leaves nothing out."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import shiboken6
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible, QColor
from PySide6.QtWidgets import QAbstractScrollArea, QApplication, QTabBar, QWidget

from desktop.ui.models.containers import STATUS
from desktop.ui.pages.containers import ContainersPage
from desktop.ui.pages.project import ProjectPage
from desktop.ui.theme import DARK, LIGHT, Colours
from desktop.ui.widgets.terminal import Terminal
from desktop.ui.window import PLACES, Window
from tests.gui.drive import dialogs, go, names, strike
from tests.gui.stage import until

DETAIL_TABS = ("logs", "stats", "inspect", "files", "ports")


def focusable(root: QWidget) -> list[QWidget]:
    """What the Tab key should reach."""
    return [
        item
        for item in root.findChildren(QWidget)
        if item.isVisible() and item.isEnabled() and item.focusPolicy() & Qt.FocusPolicy.TabFocus
    ]


def nameless(root: QWidget) -> list[str]:
    """What a screen reader could not call by name, or not say what it is."""
    found = []
    for item in focusable(root):
        interface = QAccessible.queryAccessibleInterface(item)
        named = interface is not None and interface.text(QAccessible.Text.Name)
        role = interface.role() if interface is not None else QAccessible.Role.NoRole
        if (not named and not isinstance(item, QTabBar)) or role is QAccessible.Role.NoRole:
            found.append(f"{type(item.parent()).__name__} > {type(item).__name__} {item.objectName()} {role}")
    return found


def key(item: QWidget) -> int:
    """Which widget this is; Python's own objects for it come and go."""
    return int(shiboken6.getCppPointer(item)[0])


def walk(shown: QWidget, step: Callable[[QWidget], QWidget | None] = QWidget.nextInFocusChain) -> set[int]:
    """What pressing Tab (or Shift+Tab) again and again comes by."""
    seen: set[int] = set()
    item = shown.focusWidget() or shown
    while item is not None and key(item) not in seen:
        seen.add(key(item))
        found = step(item)
        assert found is not None
        item = found
    return seen


def check(shown: Window) -> None:
    page = shown.stack.currentWidget()
    assert page is not None
    assert nameless(shown) == []
    wanted = focusable(shown)
    for step in (QWidget.nextInFocusChain, QWidget.previousInFocusChain):
        reached = walk(shown, step)
        assert [type(item).__name__ for item in wanted if key(item) not in reached] == []
    assert len(wanted) >= 3  # the sidebar (one stop, arrow keys move in it), the page, the state bar


@pytest.mark.parametrize("place", [name for name, _ in PLACES])
def test_places(shown: Window, place: str) -> None:
    shown.show_place(place)
    until(lambda: shown.stack.currentWidget() is not None)
    check(shown)


def test_the_activity(shown: Window) -> None:
    shown.banners.show_message("error", "It did not work", "Try again.", "42")
    shown.show_activity()
    check(shown)


def test_settings_tabs(shown: Window) -> None:
    shown.show_place("settings")
    tabs = shown.pages["settings"].tabs  # type: ignore[attr-defined]  # the settings have them
    for place in range(tabs.count()):
        tabs.setCurrentIndex(place)
        check(shown)


def test_a_containers_tabs(shown: Window) -> None:
    page = go(shown, "containers")
    until(lambda: "web" in names(page))
    assert isinstance(page, ContainersPage)
    line = next(row.record for row in page.table.visible_rows() if row.record.name == "web")
    for tab in DETAIL_TABS:
        detail = page.open(line, tab)
        until(partial(detail.tab, tab))
        check(shown)


def test_a_projects_tabs(shown: Window) -> None:
    page = go(shown, "containers")
    until(lambda: "shop" in names(page))
    for tab in ("logs", "stats", "containers"):
        detail = ProjectPage(shown.context, "shop", tab)
        shown.show_page(detail)
        until(partial(detail.tab, tab))
        check(shown)


def test_the_terminals(shown: Window) -> None:
    page = go(shown, "containers")
    until(lambda: "web" in names(page))
    assert isinstance(page, ContainersPage)
    shown.drawer.toggle()
    check(shown)
    page.terminal(next(row.record for row in page.table.visible_rows() if row.record.name == "web"))
    check(shown)


def test_dialogs(shown: Window) -> None:
    """Names, roles, and a tab order that comes by everything, forwards and backwards."""
    for name, make in dialogs(shown).items():
        dialog = make()
        assert nameless(dialog) == [], name
        wanted = {key(item): type(item).__name__ for item in focusable(dialog)}
        assert wanted or name == "keys", name  # a text that Esc closes
        for step in (QWidget.nextInFocusChain, QWidget.previousInFocusChain):
            assert {name for item, name in wanted.items() if item not in walk(dialog, step)} == set(), name
        dialog.close()
        until(lambda: QApplication.activeModalWidget() is None)


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_text_can_be_read(colours: Colours) -> None:
    """WCAG 2.2, 1.4.3: 4.5 : 1."""
    grounds = [colours.ground, colours.side, colours.surface, colours.raised, colours.field, colours.hover]
    pairs = [(getattr(colours, text), ground) for text in ("text", "muted", "accent", "bad") for ground in grounds]
    pairs += [(colours.text, colours.chosen), (colours.accent, colours.chosen), (colours.muted, colours.chosen)]
    pairs += [(colours.hint, colours.field), (colours.on_accent, colours.accent), (colours.on_accent, colours.bad)]
    pairs += [
        (text, kind)
        for text in (colours.text, colours.muted)
        for kind in (colours.bad_ground, colours.good_ground)
    ]
    assert [(text, ground) for text, ground in pairs if contrast(text, ground) < 4.5] == []


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_fields_can_be_seen(colours: Colours) -> None:
    """WCAG 2.2, 1.4.11: 3 : 1, against what is around a field and what is in it."""
    grounds = [colours.ground, colours.surface, colours.raised, colours.field]
    assert [ground for ground in grounds if contrast(colours.edge, ground) < 3] == []


def contrast(*colours: str) -> float:
    """The contrast ratio of two colours, as WCAG defines it."""

    def linear(value: float) -> float:
        return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)

    weights = (0.2126, 0.7152, 0.0722)
    parts = [(colour.redF(), colour.greenF(), colour.blueF()) for colour in map(QColor, colours)]
    lights = sorted(sum(w * linear(v) for w, v in zip(weights, part, strict=True)) for part in parts)
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def test_rows_are_told_with_their_columns(shown: Window) -> None:
    page = go(shown, "containers")
    until(lambda: "web" in names(page))
    index = page.table.records.index(0, STATUS)
    assert index.data(Qt.ItemDataRole.AccessibleTextRole).startswith("Status: ")


def test_focus_can_leave_a_terminal(shown: Window) -> None:
    """Tab belongs to the program in it, so F6 has to lead out."""
    page = go(shown, "containers")
    until(lambda: "web" in names(page))
    assert isinstance(page, ContainersPage)
    line = next(row.record for row in page.table.visible_rows() if row.record.name == "web")
    page.terminal(line)
    terminal = shown.findChildren(Terminal)[0]
    strike(terminal, Qt.Key.Key_F6)
    assert not terminal.hasFocus()
    assert not isinstance(QApplication.focusWidget(), QAbstractScrollArea)
