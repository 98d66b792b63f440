"""The button of the state bar that shows what is under way, and leads to the activity."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QToolButton

from desktop.ui.activities import Activities
from desktop.ui.icons import icon
from desktop.ui.models.activity import badge
from desktop.ui.widgets.basics import restyle
from desktop.ui.words import key_names, tr

SIDE = 16


class ActivityButton(QToolButton):
    """Says how many are under way, or what the only one is; and what has failed since it was looked at."""

    def __init__(self, activities: Activities, pressed: Callable[[], object]) -> None:
        super().__init__()
        self.setObjectName("plain")
        self._activities = activities
        self._words = ""
        self.setIcon(icon("activity", "muted"))
        self.setIconSize(QSize(SIDE, SIDE))
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setToolTip(key_names(tr("Activity (Ctrl+Shift+A)")))
        self.clicked.connect(lambda: pressed())
        activities.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show how it is now."""
        words, bad = badge(self._activities.log.items, self._activities.seen)
        if words == self._words and bad == self.property("bad"):
            return
        self._words = words
        self.setText(words or tr("Activity"))
        self.setAccessibleName(tr("Activity: {words}", words=words) if words else tr("Activity"))
        self.setProperty("bad", bad)
        restyle(self)
