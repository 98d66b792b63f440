"""The histories of two images beside each other."""

from __future__ import annotations

import asyncio

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QVBoxLayout, QWidget

from desktop.ui.context import Context
from desktop.ui.models.images import ImageDetails, Line
from desktop.ui.models.layer_diff import BOTH, CHANGED, FIRST, TEXT, columns, differences, summary
from desktop.ui.models.layers import Step, steps
from desktop.ui.models.records import Row
from desktop.ui.theme import GAP, MARGIN, PAD
from desktop.ui.widgets.basics import Elided, button, label, row
from desktop.ui.widgets.table import Table
from engine.client import EngineClient
from vm.errors import UserError

DOTS = {BOTH: "created", CHANGED: "paused", FIRST: "failed"}
"""What is said of an instruction → the container state whose colour its dot has; of a new one it is green."""


class ImageDiffDialog(QDialog):
    """Which instructions and layers two images share."""

    def __init__(self, parent: QWidget, context: Context, first: Line, second: Line) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        title = f"{first.reference} and {second.reference}"
        self.setWindowTitle(f"Compare {title}")
        self.resize(900, 560)
        self.note = label("Loading the layers …", "muted", wrap=True)
        self.table = Table(columns(first.tag, second.tag), "Instructions")
        self.table.delegate.dots[TEXT] = lambda item: DOTS.get(item.what, "running")
        outer = QVBoxLayout(self)
        outer.setContentsMargins(MARGIN, MARGIN, MARGIN, PAD)
        outer.setSpacing(GAP + 4)
        outer.addWidget(Elided(title, "section"))
        outer.addWidget(self.note)
        outer.addWidget(self.table, 1)
        outer.addLayout(row(None, button("Close", self.accept)))
        context.session.bridge.call(
            read_both(context.engine, first.image.id, second.image.id), self._show, self._failed, owner=self
        )
        self.table.setFocus()

    def _show(self, found: tuple[list[Step], list[Step]]) -> None:
        lines = differences(*found)
        self.table.records.update_rows([Row(f"{line.number}", line) for line in lines])
        self.note.setText(summary(lines))

    def _failed(self, error: UserError) -> None:
        self.note.setText(f"{error.message}. {error.hint}".strip())


async def read_both(engine: EngineClient, first: str, second: str) -> tuple[list[Step], list[Step]]:
    """The instructions of two images, each with its layer. :raise EngineError: one of them is gone."""

    async def read(key: str) -> list[Step]:
        details = ImageDetails.of(await engine.images.inspect(key))
        return steps(await engine.images.history(key), details.layers)

    one, other = await asyncio.gather(read(first), read(second))
    return one, other
