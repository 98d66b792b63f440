"""A menu of filters beside a search field, each with an explanation."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QLineEdit, QMenu, QToolButton

from desktop.ui.widgets.basics import tool
from desktop.ui.words import tr


def filter_menu(search: QLineEdit, kinds: Iterable[tuple[str, str, str]]) -> QToolButton:
    """A button whose menu adds a filter to the search field and selects its value, ready to be replaced.

    :param kinds: name, example value and explanation of each filter.
    """
    made = tool("filter", tr("Add a filter"), lambda: made.showMenu(), framed=True)
    menu = QMenu(made)
    menu.setAccessibleName(tr("Filters"))
    for name, example, about in kinds:
        action = QAction(f"{name}=…    {about}", menu)
        action.triggered.connect(lambda _=False, name=name, example=example: put_filter(search, name, example))
        menu.addAction(action)
    made.setMenu(menu)
    made.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
    return made


def put_filter(search: QLineEdit, name: str, example: str) -> None:
    """Add a filter to the search."""
    before = search.text().strip()
    text = f"{before} {name}={example}".strip()
    search.setText(text)
    search.setFocus()
    search.setSelection(len(text) - len(example), len(example))
