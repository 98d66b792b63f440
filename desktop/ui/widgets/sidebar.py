"""The places: one is selected. Tab stops here once; arrow keys move between places."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QPoint, QSize, Qt
from PySide6.QtWidgets import QButtonGroup, QFrame, QLabel, QRadioButton, QSizePolicy, QVBoxLayout

from desktop.ui.icons import app_icon, icon
from desktop.ui.theme import GAP, PAD, SIDEBAR_WIDTH
from desktop.ui.widgets.basics import label, row


class Place(QRadioButton):
    """One place: a radio button, so that screen readers announce it as one of several."""

    def __init__(self, key: str, title: str) -> None:
        super().__init__(title)
        self._key = key
        self.setIconSize(QSize(18, 18))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(title)
        self.toggled.connect(self._dress)
        self._dress(False)

    def hitButton(self, pos: QPoint) -> bool:
        """Make the whole row clickable, not only the text."""
        return self.rect().contains(pos)

    def _dress(self, chosen: bool) -> None:
        self.setIcon(icon(self._key, "accent" if chosen else "muted"))


class Sidebar(QFrame):
    """Name and places; the last place is at the bottom.

    :param go: called with the key of the selected place.
    """

    def __init__(self, places: Sequence[tuple[str, str]], go: Callable[[str], object]) -> None:
        super().__init__()
        self.setObjectName("sidebar")
        self.setFixedWidth(SIDEBAR_WIDTH)
        self._keys = [key for key, _ in places]
        self._group = QButtonGroup(self)
        inner = QVBoxLayout(self)
        inner.setContentsMargins(GAP + 4, PAD, GAP + 4, GAP)
        inner.setSpacing(2)
        mark = QLabel()
        mark.setPixmap(app_icon().pixmap(QSize(26, 26)))
        inner.addLayout(row(mark, label("Slipway", "brand"), None))
        inner.addSpacing(PAD)
        for number, (key, title) in enumerate(places):
            if number == len(places) - 1:
                inner.addStretch(1)
            made = Place(key, title)
            made.setToolTip(f"{title} (Ctrl+{number + 1})")
            made.clicked.connect(lambda _=False, key=key: go(key))
            self._group.addButton(made, number)
            inner.addWidget(made)

    @property
    def chosen(self) -> str:
        """The key of the selected place."""
        return self._keys[self._group.checkedId()]

    def choose(self, key: str) -> None:
        """Select a place, and focus it if the sidebar has the focus."""
        self._group.button(self._keys.index(key)).setChecked(True)
        if self.has_focus():
            self.take_focus()

    def take_focus(self) -> None:
        """Focus the selected place."""
        self._group.checkedButton().setFocus(Qt.FocusReason.ShortcutFocusReason)

    def has_focus(self) -> bool:
        """Whether the sidebar has the focus."""
        focused = self.window().focusWidget()
        return focused is not None and self.isAncestorOf(focused)
