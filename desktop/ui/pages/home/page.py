"""The Home page: the arrangement of its cards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QGridLayout, QScrollArea, QVBoxLayout, QWidget

from desktop.ui.context import Context
from desktop.ui.deferred import deferred
from desktop.ui.pages.home.dials import DialsCard
from desktop.ui.pages.home.disk import DiskCard
from desktop.ui.pages.home.events import EventsCard
from desktop.ui.pages.home.state import StateCard
from desktop.ui.pages.home.work import ImagesCard, WorkCard
from desktop.ui.theme import MARGIN, PAD
from desktop.ui.widgets.basics import heading

if TYPE_CHECKING:
    from desktop.ui.pages.home.about import AboutPage

about_page, disk_page = deferred("pages.home.about:AboutPage"), deferred("pages.disk:DiskPage")

TWO_COLUMNS = 860
"""From this width on, cards are in two columns."""


class HomePage(QScrollArea):
    """The Home page."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.setObjectName("page")
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.context = context
        self.state = StateCard(context)
        self.work = WorkCard(context)
        self.dials = DialsCard(context)
        self.images = ImagesCard(context)
        self.disk = DiskCard(context)
        self.disk.told.connect(self.dials.show_disk)
        self.events = EventsCard(context)
        inner = QWidget()
        inner.setObjectName("page")
        self._grid = QGridLayout()
        self._grid.setSpacing(PAD)
        self._columns = 0
        self._put(2)
        outer = QVBoxLayout(inner)
        outer.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        outer.setSpacing(PAD)
        outer.addWidget(heading("Home"))
        outer.addWidget(self.state)
        outer.addWidget(self.work)
        outer.addLayout(self._grid)
        outer.addStretch(1)
        self.setWidget(inner)

    def show_subject(self, subject: str) -> None:
        """Show a page that is not in the sidebar: ``about`` this machine, or ``disk`` use."""
        if subject == "disk":
            self.context.places.show_page(disk_page(self.context))
        else:
            self.about()

    def about(self) -> AboutPage:
        """Show the page about the machine."""
        page: AboutPage = about_page(self.context)
        self.context.places.show_page(page)
        return page

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if layout := self.widget().layout():  # cards that were rearranged unseen keep their former heights
            layout.invalidate()
            layout.activate()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._put(2 if self.viewport().width() >= TWO_COLUMNS else 1)

    def _put(self, columns: int) -> None:
        if columns == self._columns:
            return
        self._columns = columns
        for number, part in enumerate((self.dials, self.images, self.disk, self.events)):
            self._grid.removeWidget(part)
            self._grid.addWidget(part, number // columns, number % columns)
        for number in (0, 1):
            self._grid.setColumnStretch(number, int(number < columns))
