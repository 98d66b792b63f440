"""Dragging files of a container or volume into a file manager: they are brought to the host first.

A program that is dropped on reads the files by itself, some time later. So the folder that they are in lasts as
long as the panel that they come from.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from PySide6.QtCore import QMimeData, QObject, Qt, QUrl
from PySide6.QtGui import QDrag, QGuiApplication
from PySide6.QtWidgets import QWidget

from desktop.ui.context import Context
from engine.client.files import ContainerFiles, Entry

MOST_BYTES = 200 * 10**6
"""More takes longer than a button is held."""


class DragOut(QObject):
    """Of one panel."""

    def __init__(self, source: QWidget, context: Context, files: ContainerFiles) -> None:
        super().__init__(source)
        self._source, self._context, self._files = source, context, files
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def begin(self, place: str, entries: list[Entry]) -> None:
        """Bring entries of a folder here, then let them be dragged if the button is still held."""
        if sum(entry.size for entry in entries) > MOST_BYTES:
            self._context.banners.show_message("info", "This is too much to be dragged", "Download it instead.")
            return

        def done(found: list[Path]) -> None:
            if QGuiApplication.mouseButtons() & Qt.MouseButton.LeftButton:
                self._drag(found)

        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="slipway-drag-", ignore_cleanup_errors=True)
            self.destroyed.connect(self._folder.cleanup)
        target = Path(tempfile.mkdtemp(dir=self._folder.name))
        names = [entry.name for entry in entries]
        work = self._files.fetch(place, names, target, MOST_BYTES)
        self._context.session.bridge.call(work, done, self._context.banners.error, owner=self)

    def _drag(self, files: list[Path]) -> None:
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(file)) for file in files])
        drag = QDrag(self._source)
        drag.setMimeData(data)
        drag.exec(Qt.DropAction.CopyAction)
