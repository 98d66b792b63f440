"""Messages over the page: with a hint, details to copy, and at most one action. Errors stay until dismissed.

They overlay the lower edge of the page, so that its contents do not move.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from desktop.ui.theme import GAP, MARGIN, PAD
from desktop.ui.widgets.basics import Picture, button, column, fill, label, tool
from vm.errors import UserError

TRANSIENT_MS = 6000
TRANSIENT = ("done", "info")
"""Kinds of messages that disappear after this many milliseconds."""

MAX_SHOWN = 3
"""Messages shown at a time; a new one replaces the oldest."""

MAX_WIDTH = 760

PICTURES = {
    "error": ("warning", "bad"),
    "warning": ("info", "warn"),
    "done": ("check", "good"),
    "info": ("info", "muted"),
}

Action = tuple[str, Callable[[], object]]
"""A button of a message: its text and what it does."""


class Banner(QFrame):
    """One message."""

    def __init__(self, kind: str, message: str, hint: str, detail: str, action: Action | None):
        super().__init__()
        self.setObjectName("banner")
        self.setProperty("kind", kind)
        self.message = message
        self.dismissed = False
        self.setAccessibleName(f"{message} {hint}".strip())
        words = column(label(message, wrap=True, select=True), gap=2)
        if hint:
            words.addWidget(label(hint, "muted", wrap=True, select=True))
        inner = fill(QHBoxLayout(self), Picture(*_picture(kind)), gap=GAP + 4)
        inner.setContentsMargins(PAD - 4, GAP, GAP, GAP)
        inner.addLayout(words, 1)
        if action is not None:
            inner.addWidget(button(action[0], action[1]))
        if detail:
            copy = button(
                "Copy details", lambda: QGuiApplication.clipboard().setText(f"{message}\n{hint}\n{detail}")
            )
            copy.setToolTip(detail[:2000])
            inner.addWidget(copy)
        self.close_button = tool("close", "Dismiss this message", self.dismiss)
        inner.addWidget(self.close_button)

    def dismiss(self) -> None:
        """Remove the message."""
        self.dismissed = True
        self.hide()
        self.deleteLater()

    @property
    def buttons(self) -> list[QPushButton]:
        """The buttons of the message."""
        return list(self.findChildren(QPushButton))


class Banners(QWidget):
    """The place for messages. The newest is on top; a message is not shown twice."""

    def __init__(self) -> None:
        super().__init__()
        self.hide()
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(GAP)
        self._banners: list[Banner] = []  # newest first; QLayout.itemAt's Python objects outlive their items

    def show_message(
        self,
        kind: str,
        message: str,
        hint: str = "",
        detail: str = "",
        action: Action | None = None,
    ) -> Banner:
        """Show a message.

        :param kind: ``error``, ``warning``, ``info`` or ``done``; the last two disappear by themselves.
        """
        others = [old for old in self.shown() if old.message != message]
        for old in self.shown():
            if old not in others[: MAX_SHOWN - 1]:
                old.dismiss()
        banner = Banner(kind, message, hint, detail, action)
        self._banners.insert(0, banner)
        self._layout.insertWidget(0, banner)
        banner.show()  # now, so that the layout has its size
        self._settle()
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, f"{message} {hint}".strip()))
        if kind in TRANSIENT:
            QTimer.singleShot(TRANSIENT_MS, banner, banner.dismiss)
        return banner

    def error(self, error: UserError, action: Action | None = None) -> Banner:
        """Show an error."""
        return self.show_message("error", error.message, error.hint, error.detail, action)

    def shown(self) -> list[Banner]:
        """The messages on screen, newest first."""
        self._banners = [banner for banner in self._banners if not banner.dismissed]
        return [banner for banner in self._banners if not banner.isHidden()]

    def clear(self) -> None:
        """Remove all messages."""
        for banner in self.shown():
            banner.dismiss()

    def lie_over(self, page: QWidget) -> None:
        """Place the messages over the lower edge of a page."""
        self.setParent(page)
        page.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.Resize:
            self._settle()
        return False

    def event(self, event: QEvent) -> bool:
        done = super().event(event)
        if event.type() is QEvent.Type.LayoutRequest:
            self._settle()
        return done

    def _settle(self) -> None:
        page = self.parentWidget()
        self.setVisible(bool(self.shown()))
        if page is not None:
            width = min(MAX_WIDTH, page.width() - 2 * MARGIN)
            height = self._layout.totalHeightForWidth(width)
            self.setGeometry((page.width() - width) // 2, page.height() - height - PAD, width, height)
            self.raise_()


def _picture(kind: str) -> tuple[str, int, str]:
    name, token = PICTURES[kind]
    return name, 20, token
