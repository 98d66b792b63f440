"""Small parts with the look of the style sheet, each with its accessible name from the start."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QFontMetrics, QKeySequence, QPainter, QPaintEvent, QResizeEvent, QShortcut
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from desktop.ui.icons import icon
from desktop.ui.theme import GAP, PAD

ICON = QSize(18, 18)
HEAD = 34
LEAST_WIDTH = 110
"""Of a search field."""


def label(text: str = "", kind: str = "", *, wrap: bool = False, select: bool = False) -> QLabel:
    """Text. :param kind: ``title``, ``section``, ``muted``, ``small`` or ``reason``."""
    made = QLabel(text)
    made.setObjectName(kind)
    made.setWordWrap(wrap)
    made.setTextFormat(Qt.TextFormat.PlainText)
    if select:
        made.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
    return made


def heading(text: str) -> QLabel:
    """A page's title, as high as the buttons beside it on other pages, so that nothing jumps between pages."""
    made = label(text, "title")
    made.setMinimumHeight(HEAD)
    return made


class Elided(QLabel):
    """One line of text; what does not fit is in the tooltip.

    :param snug: it wants no more room than its text; otherwise it takes what the layout has.
    """

    def __init__(self, text: str = "", kind: str = "", *, snug: bool = False) -> None:
        super().__init__()
        self.setObjectName(kind)
        self.setTextFormat(Qt.TextFormat.PlainText)
        policies = QSizePolicy.Policy
        self.setSizePolicy(policies.Maximum if snug else policies.Ignored, policies.Preferred)
        self._full = ""
        self.set_full(text)

    def set_full(self, text: str) -> None:
        """Show ``text`` from now on."""
        self._full = text
        self.setAccessibleName(text)
        self.updateGeometry()
        self._elide()

    def sizeHint(self) -> QSize:
        return QSize(QFontMetrics(self.font()).horizontalAdvance(self._full) + 2, super().sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._elide()

    def minimumSizeHint(self) -> QSize:
        return QSize(40, super().minimumSizeHint().height())

    def _elide(self) -> None:
        fits = QFontMetrics(self.font()).elidedText(
            self._full, Qt.TextElideMode.ElideMiddle, max(20, self.width())
        )
        self.setText(fits)
        self.setToolTip(self._full if fits != self._full else "")


class SearchField(QLineEdit):
    """Where to type what is looked for, reached by Ctrl+F while shown; narrower where there is little room."""

    def __init__(self, placeholder: str, width: int = 240) -> None:
        super().__init__(placeholderText=placeholder, clearButtonEnabled=True)
        self._width = width
        self.setAccessibleName(placeholder)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        QShortcut(QKeySequence("Ctrl+F"), self, self.setFocus)

    def sizeHint(self) -> QSize:
        return QSize(self._width, super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        return QSize(LEAST_WIDTH, super().minimumSizeHint().height())


def local_key(within: QWidget, keys: str, pressed: Callable[[], object]) -> None:
    """Let keys do something while the focus is in a widget or its children, and nowhere else."""
    made = QShortcut(QKeySequence(keys), within)
    made.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)  # PySide ignores `context=` beside a function
    made.activated.connect(pressed)


def button(
    text: str,
    pressed: Callable[[], object],
    *,
    picture: str = "",
    primary: bool = False,
    danger: bool = False,
    tip: str = "",
) -> QPushButton:
    """A button with words."""
    made = QPushButton(f" {text}" if picture else text)  # Fusion sets a picture too close
    made.setAutoDefault(False)
    made.setAccessibleName(text.replace("&", ""))
    if picture:
        made.setIcon(icon(picture, "on_accent" if primary or danger else "text"))
        made.setIconSize(ICON)
    made.setProperty("primary", primary)
    made.setProperty("danger", danger)
    made.setToolTip(tip)
    made.clicked.connect(lambda: pressed())
    return made


def link(text: str, pressed: Callable[[], object]) -> QPushButton:
    """A button that looks like a link."""
    made = QPushButton(text)
    made.setObjectName("link")
    made.setAutoDefault(False)
    made.setCursor(Qt.CursorShape.PointingHandCursor)
    made.setAccessibleName(text)
    made.clicked.connect(lambda: pressed())
    return made


def tool(
    picture: str, name: str, pressed: Callable[[], object], *, framed: bool = False, checkable: bool = False
) -> QToolButton:
    """A button with a picture only; ``name`` is its tooltip and its accessible name."""
    made = QToolButton()
    made.setObjectName("action" if framed else "plain")
    made.setIcon(icon(picture, "muted"))
    made.setIconSize(ICON)
    made.setToolTip(name)
    made.setAccessibleName(name)
    made.setCheckable(checkable)
    made.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    made.clicked.connect(lambda: pressed())
    return made


def fill(layout: QBoxLayout, *parts: QWidget | QLayout | None, gap: int = GAP) -> QBoxLayout:
    """Put parts into a layout without a margin; None is a stretch."""
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(gap)
    for part in parts:
        if part is None:
            layout.addStretch(1)
        elif isinstance(part, QLayout):
            layout.addLayout(part)
        else:
            layout.addWidget(part)
    return layout


def row(*parts: QWidget | QLayout | None, gap: int = GAP) -> QBoxLayout:
    """Parts side by side."""
    return fill(QHBoxLayout(), *parts, gap=gap)


def column(*parts: QWidget | QLayout | None, gap: int = GAP) -> QBoxLayout:
    """Parts one below the other."""
    return fill(QVBoxLayout(), *parts, gap=gap)


def card(*parts: QWidget | QLayout | None, gap: int = GAP) -> QFrame:
    """A framed group."""
    frame = QFrame()
    frame.setObjectName("card")
    inner = fill(QVBoxLayout(frame), *parts, gap=gap)
    inner.setContentsMargins(PAD, PAD, PAD, PAD)
    return frame


def restyle(widget: QWidget) -> None:
    """Take a property that the style sheet asks for into account."""
    widget.style().unpolish(widget)
    widget.style().polish(widget)
    QWidget.update(widget)  # an item view's own update() wants an index


class Picture(QWidget):
    """A picture of the theme, drawn anew in its colours."""

    def __init__(self, name: str, side: int, token: str = "muted") -> None:
        super().__init__()
        self._icon = icon(name, token)
        self.setFixedSize(side, side)

    def paintEvent(self, event: QPaintEvent) -> None:
        self._icon.paint(QPainter(self), self.rect())
