"""Shift+F10 opens the menu of what has the focus, on every system: Qt knows only the Menu key on some of them."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QEvent, QObject, QPoint, Qt
from PySide6.QtGui import QContextMenuEvent, QKeyEvent
from PySide6.QtWidgets import QApplication

OWN_KEYS = "ownKeys"
"""Property of a widget, such as a terminal, whose keys are its own, all of them."""


class MenuKey(QObject):
    """Listens to the application for as long as its parent lives."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        app = QCoreApplication.instance()
        assert app is not None
        app.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if not isinstance(event, QKeyEvent) or event.type() != QEvent.Type.KeyPress:
            return False
        if event.key() != Qt.Key.Key_F10 or event.modifiers() != Qt.KeyboardModifier.ShiftModifier:
            return False
        focus = QApplication.focusWidget()
        if focus is None or watched is not focus or focus.property(OWN_KEYS):
            return False
        at = QPoint(focus.width() // 2, focus.height() // 2)
        reason = QContextMenuEvent.Reason.Keyboard
        QCoreApplication.postEvent(focus, QContextMenuEvent(reason, at, focus.mapToGlobal(at)))
        return True
