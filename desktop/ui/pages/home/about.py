"""About this machine: versions, acceleration and load over time, and how long the last start took."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QScrollArea, QVBoxLayout, QWidget

from desktop.ui.context import Context
from desktop.ui.pages.home.boot import BootCard
from desktop.ui.pages.home.machine import MachineCard
from desktop.ui.pages.home.versions import VersionsCard
from desktop.ui.theme import MARGIN, PAD
from desktop.ui.widgets.basics import heading, row, tool


class AboutPage(QWidget):
    """A page that Home leads to."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.setObjectName("page")
        self.back = tool("back", "Back to Home", lambda: context.places.show_place("home"))
        self.machine, self.versions, self.boot = MachineCard(context), VersionsCard(context), BootCard(context)
        grid = QGridLayout()
        grid.setSpacing(PAD)
        grid.addWidget(self.machine, 0, 0)
        grid.addWidget(self.versions, 0, 1)
        grid.addWidget(self.boot, 1, 0, 1, 2)
        for number in (0, 1):
            grid.setColumnStretch(number, 1)
        inner = QWidget()
        inner.setObjectName("page")
        parts = QVBoxLayout(inner)
        parts.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        parts.setSpacing(PAD)
        parts.addLayout(row(self.back, heading("About this machine"), None))
        parts.addLayout(grid)
        parts.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(inner)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(area)
        self.setFocusProxy(self.back)
