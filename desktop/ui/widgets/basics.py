"""Small widgets in the style of the theme, each with an accessible name."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import (
    QAction,
    QFontMetrics,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QShortcut,
)
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
MIN_SEARCH_WIDTH = 110


def label(text: str = "", kind: str = "", *, wrap: bool = False, select: bool = False) -> QLabel:
    """A text. :param kind: ``title``, ``section``, ``muted``, ``small`` or ``reason``."""
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
    """The title of a page, as high as a button, so that titles are at the same place on all pages."""
    made = label(text, "title")
    made.setMinimumHeight(HEAD)
    return made


class Elided(QLabel):
    """One line of text, shortened to fit; the tooltip has all of it.

    :param snug: be no wider than the text; otherwise take the available width.
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
        """Set the text."""
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
    """A search field. Ctrl+F focuses it while it is visible, Esc clears it; it shrinks where space is short."""

    def __init__(self, placeholder: str, width: int = 240) -> None:
        super().__init__(placeholderText=placeholder, clearButtonEnabled=True)
        self._width = width
        self.setAccessibleName(placeholder)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        QShortcut(QKeySequence("Ctrl+F"), self, self.setFocus)

    def sizeHint(self) -> QSize:
        return QSize(self._width, super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        return QSize(MIN_SEARCH_WIDTH, super().minimumSizeHint().height())

    def event(self, event: QEvent) -> bool:
        """Esc is the window's as soon as there is nothing to clear."""
        if isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape and self.text():
            if event.type() == QEvent.Type.ShortcutOverride:
                event.accept()
                return True
            if event.type() == QEvent.Type.KeyPress:
                self.clear()
                return True
        return super().event(event)


def local_key(within: QWidget, keys: str, pressed: Callable[[], object]) -> None:
    """Bind keys that work only while the focus is in a widget or its children."""
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
    """A button with text."""
    made = QPushButton(f" {text}" if picture else text)  # Fusion leaves no space after the icon
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
    """A button with only a picture; ``name`` is its tooltip and accessible name."""
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


def action_tool(action: QAction, *, framed: bool = False) -> QToolButton:
    """A button with only the picture of an action, which it triggers."""
    made = QToolButton()
    made.setObjectName("action" if framed else "plain")
    made.setDefaultAction(action)
    made.setIconSize(ICON)
    made.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
    keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
    made.setToolTip(f"{action.text()} ({keys})" if keys else action.text())
    made.setAccessibleName(action.text())
    made.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    return made


def fill(layout: QBoxLayout, *parts: QWidget | QLayout | None, gap: int = GAP) -> QBoxLayout:
    """Add parts to a layout without margins; None is a stretch."""
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
    """Apply the style sheet again after a property it depends on has changed."""
    widget.style().unpolish(widget)
    widget.style().polish(widget)
    QWidget.update(widget)  # an item view's own update() wants an index


class Picture(QWidget):
    """A picture, drawn in the colours of the theme."""

    def __init__(self, name: str, side: int, token: str = "muted") -> None:
        super().__init__()
        self._icon = icon(name, token)
        self.setFixedSize(side, side)

    def paintEvent(self, event: QPaintEvent) -> None:
        self._icon.paint(QPainter(self), self.rect())
