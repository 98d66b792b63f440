"""A JSON value as a tree with search, and as raw text."""

from __future__ import annotations

import json
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import (
    QHeaderView,
    QPlainTextEdit,
    QStackedWidget,
    QTreeWidget,
    QTreeWidgetItem,
    QTreeWidgetItemIterator,
    QVBoxLayout,
    QWidget,
)

from desktop.ui.theme import GAP
from desktop.ui.widgets.basics import SearchField, row, tool
from desktop.ui.words import tr

OPEN_DEPTH = 1
"""Levels that are expanded at first."""


class JsonView(QWidget):
    """Shows any JSON value."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.tree = QTreeWidget()
        self.tree.setHeaderLabels([tr("Name"), tr("Value")])
        self.tree.header().setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        self.tree.setAccessibleName(name)
        self.raw = QPlainTextEdit(readOnly=True)
        self.raw.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.raw.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.raw.setAccessibleName(tr("{name}, raw JSON", name=name))
        self.raw.setTabChangesFocus(True)
        self.search = SearchField(tr("Search names and values"))
        self.as_raw = tool("inspect", tr("Show raw JSON"), self._turn, checkable=True)
        copy = tool(
            "copy", tr("Copy as JSON"), lambda: QGuiApplication.clipboard().setText(self.raw.toPlainText())
        )
        self._stack = QStackedWidget()
        self._stack.addWidget(self.tree)
        self._stack.addWidget(self.raw)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(GAP)
        outer.addLayout(row(self.search, None, self.as_raw, copy))
        outer.addWidget(self._stack, 1)
        self.search.textChanged.connect(self._searched)

    def show_value(self, value: Any) -> None:
        """Show a value."""
        self.raw.setPlainText(json.dumps(value, indent=2, ensure_ascii=False))
        self.tree.clear()
        self.tree.addTopLevelItems(_items(value))
        self.tree.expandToDepth(OPEN_DEPTH - 1)
        self._searched(self.search.text())

    def _turn(self) -> None:
        self._stack.setCurrentIndex(int(self.as_raw.isChecked()))

    def _searched(self, text: str) -> None:
        word = text.casefold()
        if self.as_raw.isChecked():
            self.raw.find(text)
        walk = QTreeWidgetItemIterator(self.tree)
        while (item := walk.value()) is not None:
            item.setHidden(bool(word))
            walk += 1  # Qt's iterator, not a counter
        walk = QTreeWidgetItemIterator(self.tree)
        while (item := walk.value()) is not None:
            if word and any(word in item.text(column).casefold() for column in (0, 1)):
                _reveal(item)
            walk += 1


def _reveal(item: QTreeWidgetItem | None) -> None:
    while item is not None:
        item.setHidden(False)
        item.setExpanded(True)
        item = item.parent()


def _items(value: Any) -> list[QTreeWidgetItem]:
    if isinstance(value, dict):
        pairs = [(str(name), inner) for name, inner in value.items()]
    elif isinstance(value, list):
        pairs = [(str(number), inner) for number, inner in enumerate(value)]
    else:
        pairs = [("", value)]
    made = []
    for name, inner in pairs:
        if isinstance(inner, dict | list):
            item = QTreeWidgetItem([name, "" if inner else "empty"])
            item.addChildren(_items(inner) if inner else [])
        else:
            item = QTreeWidgetItem(
                [name, "" if inner is None else json.dumps(inner) if isinstance(inner, bool) else str(inner)]
            )
        item.setToolTip(1, item.text(1))
        item.setFlags(item.flags() | Qt.ItemFlag.ItemIsSelectable)
        made.append(item)
    return made
