"""The support bundle, shown as it would be saved: its files on the left, the text of one on the right."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QListWidget,
    QPlainTextEdit,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from desktop.control.bundle import save_bundle
from desktop.control.schema import BundleFile
from desktop.ui.context import Context
from desktop.ui.theme import GAP, MARGIN, PAD
from desktop.ui.widgets.basics import label
from desktop.ui.words import mark, tr

FILE = "slipway-support.zip"
TEXT = mark(
    "This is everything the bundle contains; look through it before you share it. Passwords, tokens and keys are "
    "removed. Saving writes one ZIP file; nothing is sent."
)


class BundleDialog(QDialog):
    """Shows the files of a bundle, and saves them."""

    def __init__(self, parent: QWidget, context: Context, files: list[BundleFile]) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Support bundle"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(900, 600)
        self._context, self.files = context, files
        self.list = QListWidget()
        self.list.setAccessibleName(tr("Files"))
        self.list.addItems([file.name for file in files])
        self.text = QPlainTextEdit(readOnly=True)
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setTabChangesFocus(True)
        self.text.setAccessibleName(tr("Text of the file"))
        self.list.currentRowChanged.connect(self._show)
        parts = QSplitter()
        parts.addWidget(self.list)
        parts.addWidget(self.text)
        parts.setSizes([200, 700])
        parts.setStretchFactor(1, 1)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.keep = QPushButton(tr("Save…"))
        self.keep.setAccessibleName(tr("Save the bundle"))
        self.buttons.addButton(self.keep, QDialogButtonBox.ButtonRole.AcceptRole)
        self.buttons.accepted.connect(self._ask)
        self.buttons.rejected.connect(self.reject)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(MARGIN, MARGIN, MARGIN, PAD)
        outer.setSpacing(GAP + 4)
        outer.addWidget(label(tr("Support bundle"), "section"))
        outer.addWidget(label(tr(TEXT), "muted", wrap=True))
        outer.addWidget(parts, 1)
        outer.addWidget(self.buttons)
        self.list.setCurrentRow(0)

    def save(self, path: Path) -> None:
        """Write what is shown."""
        files = self.files

        async def write() -> None:
            save_bundle(path, files)

        banners = self._context.banners
        self._context.session.bridge.call(
            write(),
            lambda _: banners.show_message("done", tr("The support bundle is in {path}", path=path)),
            banners.error,
        )
        self.accept()

    def _show(self, place: int) -> None:
        self.text.setPlainText(self.files[place].text or tr("(empty)"))

    def _ask(self) -> None:
        chosen, _ = QFileDialog.getSaveFileName(
            self, tr("Save the support bundle"), FILE, tr("ZIP archives (*.zip)")
        )
        if chosen:
            self.save(Path(chosen))
