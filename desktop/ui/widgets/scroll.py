"""A page that scrolls: its contents keep the page's right margin, and the scroll bar stands in it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QLayout, QScrollArea, QWidget

from desktop.ui.theme import MARGIN
from desktop.ui.widgets.basics import row


def kept_from_the_edge(contents: QWidget | QLayout) -> QWidget:
    """What stands above or below a :class:`ScrolledPage`, with the same right margin."""
    made = QWidget()
    outer = row(contents)
    outer.setContentsMargins(0, 0, MARGIN, 0)
    made.setLayout(outer)
    return made


class ScrolledPage(QScrollArea):
    """Reaches to the right edge of the window; what it shows ends :data:`MARGIN` before it, scroll bar or not."""

    def __init__(self, contents: QWidget) -> None:
        super().__init__(widgetResizable=True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setWidget(contents)
        self.verticalScrollBar().rangeChanged.connect(self._keep_margin)
        self._keep_margin(0, 0)

    def _keep_margin(self, first: int, last: int) -> None:
        bar = self.verticalScrollBar().sizeHint().width() if last > first else 0
        self.setViewportMargins(0, 0, max(0, MARGIN - bar), 0)
