"""A text in lines of one width that is read, and changed where that is allowed."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QFontDatabase, QKeyEvent
from PySide6.QtWidgets import QPlainTextEdit


class TextEditor(QPlainTextEdit):
    """Esc does not leave its page while it is being changed. Tab leads on: it is no trap for the keyboard."""

    def __init__(self, name: str, *, editable: bool = False) -> None:
        super().__init__(readOnly=not editable)
        self.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setAccessibleName(name)
        self.setTabChangesFocus(True)

    def event(self, event: QEvent) -> bool:
        escape = isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape
        if escape and event.type() == QEvent.Type.ShortcutOverride and not self.isReadOnly():
            event.accept()
            return True
        return super().event(event)
