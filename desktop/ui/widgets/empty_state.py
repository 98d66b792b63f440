"""Shown in place of an empty list: a picture, the reason, and buttons for what to do next."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton, QWidget

from desktop.ui.theme import GAP
from desktop.ui.widgets.basics import Picture, column, label, row

TEXT_WIDTH = 460


class EmptyState(QWidget):
    """Picture, title, text and buttons."""

    def __init__(self, picture: str, title: str = "", text: str = "", *buttons: QPushButton) -> None:
        super().__init__()
        self.setObjectName("page")
        self.title = label(title, "section")
        self.text = label(text, "muted", wrap=True)
        self.text.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.text.setMinimumWidth(TEXT_WIDTH)
        parts = column(None, row(None, Picture(picture, 56, "faint"), None), row(None, self.title, None))
        parts.addLayout(row(None, self.text, None))
        parts.addLayout(row(None, *buttons, None))
        parts.addStretch(2)
        parts.setSpacing(GAP + 4)
        self.setLayout(parts)

    def set_text(self, title: str, text: str) -> None:
        """Change title and text."""
        self.title.setText(title)
        self.text.setText(text)
