"""Messages below the page: with a hint, details to copy, and at most one action. Errors stay until dismissed.

They take their space from the page's lower end: they cover nothing, and what is above them does not move.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from desktop.ui.theme import GAP, MARGIN, PAD
from desktop.ui.widgets.basics import Picture, button, column, fill, label, tool
from desktop.ui.words import tr
from vm.errors import UserError

TRANSIENT_MS = 6000
TRANSIENT = ("done", "info")
"""Kinds of messages that disappear after this many milliseconds."""

ACTION_MS = 20_000
"""Those with an action stay for longer."""

MAX_SHOWN = 3
"""Messages shown at a time; a new one replaces the oldest."""

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

    dropped = Signal()

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
                tr("Copy details"), lambda: QGuiApplication.clipboard().setText(f"{message}\n{hint}\n{detail}")
            )
            copy.setToolTip(detail[:2000])
            inner.addWidget(copy)
        self.close_button = tool("close", tr("Dismiss this message"), self.dismiss)
        inner.addWidget(self.close_button)

    def dismiss(self) -> None:
        """Remove the message."""
        self.dismissed = True
        self.hide()
        self.dropped.emit()
        self.deleteLater()

    @property
    def buttons(self) -> list[QPushButton]:
        """The buttons of the message."""
        return list(self.findChildren(QPushButton))


class Banners(QWidget):
    """The place for messages. The newest is on top; a message is not shown twice."""

    erred = Signal(str, str, str)
    """An error is shown: message, hint and details."""

    def __init__(self) -> None:
        super().__init__()
        self.hide()
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(MARGIN, 0, MARGIN, PAD)
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
        banner.dropped.connect(self._dropped)
        self._layout.insertWidget(0, banner)
        banner.show()
        self.show()
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, f"{message} {hint}".strip()))
        if kind == "error":
            self.erred.emit(message, hint, detail)
        if kind in TRANSIENT:
            QTimer.singleShot(TRANSIENT_MS if action is None else ACTION_MS, banner, banner.dismiss)
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

    def forget_failures(self) -> None:
        """Remove the errors that were reported before things have changed for the better."""
        for banner in self.shown():
            if banner.property("kind") == "error":
                banner.dismiss()

    def _dropped(self) -> None:
        self.setVisible(bool(self.shown()))


def _picture(kind: str) -> tuple[str, int, str]:
    name, token = PICTURES[kind]
    return name, 20, token
