"""Messages above a page: calm, with a hint, copyable details and at most one thing to do; they stay until read."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QTimer
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from desktop.ui.theme import GAP, PAD
from desktop.ui.widgets.basics import Picture, button, column, fill, label, tool
from vm.errors import UserError

DONE_MS = 6000
"""How long the message that something is done stays, in milliseconds."""

PICTURES = {
    "error": ("warning", "bad"),
    "warning": ("info", "warn"),
    "done": ("check", "good"),
    "info": ("info", "muted"),
}

Action = tuple[str, Callable[[], object]]
"""What a message offers: the button's words, and what it does."""


class Banner(QFrame):
    """One message."""

    def __init__(self, kind: str, message: str, hint: str, detail: str, action: Action | None):
        super().__init__()
        self.setObjectName("banner")
        self.setProperty("kind", kind)
        self.message = message
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
        """Take the message away."""
        self.hide()
        self.deleteLater()

    @property
    def buttons(self) -> list[QPushButton]:
        """What can be pressed."""
        return list(self.findChildren(QPushButton))


class Banners(QWidget):
    """The place for messages; the newest is on top, the same message is shown once."""

    def __init__(self) -> None:
        super().__init__()
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(GAP)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)

    def tell(
        self,
        kind: str,
        message: str,
        hint: str = "",
        detail: str = "",
        action: Action | None = None,
    ) -> Banner:
        """Show a message: ``error``, ``warning``, ``info`` or ``done``; what is done goes away by itself."""
        for old in self.shown():
            if old.message == message:
                old.dismiss()
        banner = Banner(kind, message, hint, detail, action)
        self._layout.insertWidget(0, banner)
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, f"{message} {hint}".strip()))
        if kind == "done":
            QTimer.singleShot(DONE_MS, banner, banner.dismiss)
        return banner

    def error(self, error: UserError, action: Action | None = None) -> Banner:
        """Show an error."""
        return self.tell("error", error.message, error.hint, error.detail, action)

    def shown(self) -> list[Banner]:
        """What is shown now, the newest first."""
        items = [self._layout.itemAt(place).widget() for place in range(self._layout.count())]
        return [item for item in items if isinstance(item, Banner) and not item.isHidden()]

    def clear(self) -> None:
        """Take all away."""
        for banner in self.shown():
            banner.dismiss()


def _picture(kind: str) -> tuple[str, int, str]:
    name, token = PICTURES[kind]
    return name, 20, token
