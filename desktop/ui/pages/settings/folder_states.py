"""How the shared folders are mounted in the machine: by what, or why not."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QVBoxLayout, QWidget

from desktop.control.schema import MOUNTED, FolderReport
from desktop.ui.context import Context
from desktop.ui.theme import GAP, PAD
from desktop.ui.widgets.basics import Picture, card, column, label, row
from desktop.ui.words import mark, tr

PERIOD_MS = 3000
"""There is no event for a mounted folder, so the state is fetched this often while it is visible."""

NOTHING = mark("No folder is mounted: Slipway is not running, or nothing is shared.")
NAMES = {"sftp": "SFTP"}


class FolderStates(QWidget):
    """A card that keeps itself current while it is visible."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._session = context.session
        self._shown: list[FolderReport] | None = None
        self.nothing = label(tr(NOTHING), "muted", wrap=True)
        self.rows = column(gap=GAP)
        self._lines: list[QWidget] = []
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(card(label(tr("Mounted folders"), "section"), self.nothing, self.rows))
        self._timer = QTimer(self, interval=PERIOD_MS)
        self._timer.timeout.connect(self.load)

    def showEvent(self, event: Any) -> None:
        super().showEvent(event)
        self.load()
        self._timer.start()

    def hideEvent(self, event: Any) -> None:
        super().hideEvent(event)
        self._timer.stop()

    def load(self) -> None:
        """Fetch the state."""
        self._session.control(lambda client: client.folders(), self.show_report, self._absent, owner=self)

    def show_report(self, report: list[FolderReport]) -> None:
        """Show a state, if it has changed."""
        if report == self._shown:
            return
        self._shown = report
        self.nothing.setVisible(not report)
        for old in self._lines:
            old.hide()
            old.deleteLater()
        self._lines = [_line(folder) for folder in report]
        for line in self._lines:
            self.rows.addWidget(line)

    def _absent(self, _: object) -> None:
        self.show_report([])


def _line(folder: FolderReport) -> QWidget:
    good = folder.state == MOUNTED
    words = column(label(folder.folder, wrap=True, select=True), gap=2)
    words.addWidget(label(_how(folder), "muted", wrap=True, select=True))
    if folder.unwatched:
        words.addWidget(
            label(
                tr("Containers are not notified of changes in {unwatched}", unwatched=folder.unwatched),
                "muted",
                wrap=True,
                select=True,
            )
        )
    picture = Picture("check", 20, "good") if good else Picture("warning", 20, "bad")
    made = QWidget()
    line = row(picture, gap=PAD)
    line.setContentsMargins(0, 0, 0, 0)
    line.addLayout(words, 1)
    made.setLayout(line)
    return made


def _how(folder: FolderReport) -> str:
    if folder.state != MOUNTED:
        return folder.state
    carrier = NAMES.get(folder.carrier, folder.carrier)
    said = tr("Mounted by {carrier}", carrier=carrier) if carrier else tr("Mounted")
    return tr("{said}. virtiofs would be faster: {why}.", said=said, why=folder.why) if folder.why else f"{said}."
