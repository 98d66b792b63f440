"""Files of a container or a volume: browse, edit and delete them, bring them here and there, by dragging too."""

from __future__ import annotations

import asyncio
import posixpath
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QFileDialog, QLineEdit, QProgressBar, QVBoxLayout, QWidget

from desktop.ui.bridge import Work
from desktop.ui.context import Context
from desktop.ui.drag_out import DragOut
from desktop.ui.models.format import age, counted, size
from desktop.ui.models.records import Column, Row
from desktop.ui.pages.file_editor import MOST_BYTES, FileEditor
from desktop.ui.theme import GAP
from desktop.ui.widgets.basics import button, label, local_key, row, tool
from desktop.ui.widgets.dialogs import Question
from desktop.ui.widgets.table import Table
from engine.client.files import DELETED, ContainerFiles, Entry, Held, Listing, bytes_of
from vm.errors import UserError

Moved = tuple[int, int]
"""Bytes transferred, and the total; 0 when that is not known."""

PARTIAL = "This list is not complete: the folder is too large to read while the container is not running."

COLUMNS = (
    Column(
        "Name",
        lambda item: item.name + ("/" if item.folder else ""),
        lambda item: (not item.folder, item.name),
        width=0,
    ),
    Column(
        "Size",
        lambda item: "" if item.folder or item.since == DELETED else size(item.size),
        lambda item: item.size,
        width=90,
        right=True,
    ),
    Column("Modified", lambda item: age(item.changed), lambda item: -item.changed, width=130),
    Column("Mode", lambda item: item.mode, width=110, rank=1),
)
SINCE = Column("Since its image", lambda item: item.since, width=120)
"""Of a container's files; of a volume there is no image."""


class FilesPanel(QWidget):
    """The files of a container or volume, beginning with the root folder.

    :ivar folder: the folder that is listed.
    """

    def __init__(
        self, context: Context, files: ContainerFiles, waiting: str = "Loading …", *, compared: bool = False
    ) -> None:
        """:param compared: show how the files differ from the container's image."""
        super().__init__()
        self._context, self._files, self._waiting, self._compared = context, files, waiting, compared
        self._drag = DragOut(self, context, files)
        self.folder, self._summary = "/", ""
        self._held: Work | None = None
        self._listing: Work | None = None
        self._transfer: Work | None = None
        self.path = QLineEdit("/")
        self.path.setAccessibleName("Folder")
        self.table = Table((*COLUMNS, SINCE) if compared else COLUMNS, "Files")
        self.table.delegate.quiet.update((1, 2, 3))
        self.table.draggable = True
        self.table.dragged.connect(self._drag_out)
        self.note = label("", "muted", wrap=True)
        self.up = tool("back", "Parent folder (Backspace)", self._up)
        self.edit = button("Edit…", self._edit)
        self.delete = button("Delete…", self._delete, picture="remove")
        self.download = button("Download…", self._download, picture="download")
        self.upload = button("Upload…", self._upload, picture="upload")
        self.upload_folder = button("Upload a folder…", self._upload_folder, picture="files")
        self.bar = QProgressBar(textVisible=False)
        self.bar.setAccessibleName("Transfer")
        self.stop = button("Cancel", self._cancel)
        self.setAcceptDrops(True)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(GAP)
        refresh = tool("refresh", "Refresh", self.refresh)
        outer.addLayout(row(self.up, self.path, refresh))
        acts = row(self.download, self.edit, self.delete, None, self.upload, self.upload_folder)
        outer.addLayout(acts)
        outer.addWidget(self.table, 1)
        self.setFocusProxy(self.table)
        foot = row()
        foot.addWidget(self.note, 1)
        foot.addWidget(self.bar, 1)
        foot.addWidget(self.stop)
        outer.addLayout(foot)
        self.path.returnPressed.connect(self.refresh)
        self.table.opened.connect(self._open)
        self.table.chosen_changed.connect(self._enable)
        context.view.ready.connect(self._begin)
        context.view.gone.connect(self._gone)
        local_key(self.table, "Backspace", self._up)
        local_key(self.table, "Del", self._delete)
        self._moving(False)
        self._begin()

    # -- browsing -------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        if self._held is not None:
            self._held.cancel()
        self.note.setText(self._waiting)
        self._held = self._context.session.bridge.follow(
            self._files.hold, lambda _: self.refresh(), None, self._failed, owner=self
        )

    def _gone(self) -> None:
        self._show(Listing(()))
        self.note.setText("The engine is not running.")

    def refresh(self) -> None:
        """List the folder again."""
        self._go(self.path.text())

    def _go(self, path: str, failed: Callable[[UserError], object] | None = None) -> None:
        path = posixpath.normpath(posixpath.join("/", path.strip().lstrip("/") or "."))

        def done(found: Listing) -> None:
            self.folder = path
            self.path.setText(path)
            self._show(found)

        if self._listing is not None:
            self._listing.cancel()
        self.note.setText(self._waiting)
        look = self._files.look_and_compare if self._compared else self._files.look
        self._listing = self._context.session.bridge.call(look(path), done, failed or self._failed, owner=self)

    def _show(self, found: Listing) -> None:
        self.table.records.update_rows([Row(item.name, item) for item in found.entries])
        count = len(found.entries)
        summary = f"{count} {'entry' if count == 1 else 'entries'}" if count else "This folder is empty."
        self._summary = summary if found.complete else PARTIAL
        self.note.setText(self._summary)
        self._enable()

    def _failed(self, error: UserError) -> None:
        self.table.records.update_rows([])
        self.note.setText(f"{error.message}. {error.hint}".strip())

    def _enable(self) -> None:
        self.up.setEnabled(self.folder != "/")
        chosen, idle = self._chosen(), self._transfer is None
        self.download.setEnabled(len(chosen) == 1 and idle)
        self.edit.setEnabled(len(chosen) == 1 and not chosen[0].folder and idle)
        self.delete.setEnabled(bool(chosen) and idle)
        for part in (self.upload, self.upload_folder):
            part.setEnabled(idle)

    def _chosen(self) -> list[Entry]:
        """Those that are there; not what the container has deleted."""
        return [found.record for found in self.table.chosen() if found.record.since != DELETED]

    def _up(self) -> None:
        self._go(posixpath.dirname(self.folder))

    def _open(self, found: Row) -> None:
        entry: Entry = found.record
        if entry.since == DELETED:
            return
        if entry.folder:
            self._go(posixpath.join(self.folder, entry.name))
        elif entry.link:  # to a folder or a file
            self._go(posixpath.join(self.folder, entry.name), lambda _: self._no_folder())
        else:
            self._download()

    def _no_folder(self) -> None:
        self.refresh()
        self._download()

    # -- changing files -------------------------------------------------------------------------------------------

    def _edit(self) -> None:
        for entry in self._chosen()[:1]:
            self.open_editor(posixpath.join(self.folder, entry.name))

    def open_editor(self, path: str) -> None:
        """Read a small text file, and open it for changes."""

        def opened(held: Held) -> None:
            try:
                FileEditor(self, self._context, self._files, held, self.refresh).open()
            except UserError as error:
                self._context.banners.error(error)

        read = self._files.read(path, MOST_BYTES)
        self._context.session.bridge.call(read, opened, self._context.banners.error, owner=self)

    def _delete(self) -> None:
        chosen = self._chosen()
        if not chosen or self._transfer is not None:
            return
        paths = [posixpath.join(self.folder, entry.name) for entry in chosen]

        def agreed(_: bool) -> None:
            self._context.session.bridge.call(
                self._files.remove(*paths), lambda _: self.refresh(), self._context.banners.error, owner=self
            )

        what = f"“{chosen[0].name}”" if len(chosen) == 1 else counted(len(chosen), "item")
        text = "Folders go with all that is in them." if any(entry.folder for entry in chosen) else ""
        names = [entry.name for entry in chosen] if len(chosen) > 1 else None
        text = f"{text} This cannot be undone.".strip()
        Question(self, f"Delete {what}?", text, "Delete", names=names).then(agreed)

    def _drag_out(self) -> None:
        chosen = self._chosen()
        if chosen and self._transfer is None:
            self._drag.begin(self.folder, chosen)

    # -- moving files ---------------------------------------------------------------------------------------------

    def _download(self) -> None:
        for entry in self._chosen()[:1]:
            if entry.link:
                self._download_link(entry, self.folder)
            else:
                self._ask_target(entry, self.folder)

    def _download_link(self, entry: Entry, place: str) -> None:
        """Find out whether a link leads to a folder or a file, then ask where to save it."""

        def folder(_: Listing) -> None:
            self._ask_target(replace(entry, folder=True), place)

        def file(_: UserError) -> None:
            self._ask_target(entry, place)

        look = self._files.look(posixpath.join(place, entry.name))
        self._context.session.bridge.call(look, folder, file, owner=self)

    def _ask_target(self, entry: Entry, place: str) -> None:
        offered = entry.name + (".tar" if entry.folder else "")
        target, _ = QFileDialog.getSaveFileName(self, "Download", str(Path.home() / offered))
        if target:
            self.download_to(entry, Path(target), place)

    def download_to(self, entry: Entry, target: Path, place: str = "") -> None:
        """Download an entry; a folder, or a link to one, becomes a tar archive.

        :param place: the folder of the entry; by default the one that is shown.
        """
        inside = posixpath.join(place or self.folder, entry.name)
        total = 0 if entry.folder or entry.link else entry.size

        async def download() -> AsyncIterator[Moved]:
            async for count in self._files.download(inside, target, folder=entry.folder and not entry.link):
                yield count, total

        self._move(download, f"Downloaded {target.name}")

    def _upload(self) -> None:
        names, _ = QFileDialog.getOpenFileNames(self, "Upload", str(Path.home()))
        if names:
            self.offer_files([Path(name) for name in names])

    def _upload_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Upload a folder", str(Path.home()))
        if name:
            self.offer_files([Path(name)])

    def offer_files(self, files: list[Path]) -> None:
        """Upload files and folders; ask before something of the same name is replaced."""
        here = {row.record.name for row in self.table.records.rows() if row.record.since != DELETED}
        taken = [file.name for file in files if file.name in here]
        if not taken:
            self.upload_files(files)
            return
        what = f"“{taken[0]}”" if len(taken) == 1 else counted(len(taken), "item")
        text = "There is something of that name. A file takes its place, a folder is merged with it."
        names = taken if len(taken) > 1 else None
        Question(self, f"Replace {what}?", text, "Replace", names=names).then(lambda _: self.upload_files(files))

    def upload_files(self, files: list[Path]) -> None:
        """Upload files and folders into the folder that is shown."""
        folder = self.folder

        async def upload() -> AsyncIterator[Moved]:
            total = await asyncio.to_thread(bytes_of, files)
            async for count in self._files.upload(folder, files):
                yield count, total

        name = files[0].name if len(files) == 1 else f"{len(files)} items"
        self._move(upload, f"Uploaded {name}", self.refresh)

    def _move(
        self,
        begin: Callable[[], AsyncIterator[Moved]],
        outcome: str,
        after: Callable[[], object] = lambda: None,
    ) -> None:
        moved = [0]

        def each(counts: list[Moved]) -> None:
            moved[0], total = counts[-1]
            self.bar.setRange(0, 1000 if total else 0)
            self.bar.setValue(round(1000 * min(1.0, moved[0] / total)) if total else 0)
            self.note.setText(f"{size(moved[0])} of {size(total)}" if total else size(moved[0]))

        def done() -> None:
            self._moving(False)
            after()
            self._context.banners.show_message("done", f"{outcome} ({size(moved[0])})")

        def failed(error: UserError) -> None:
            self._moving(False)
            self._context.banners.error(error)

        self._transfer = self._context.session.bridge.follow(begin, each, done, failed, owner=self)
        self._moving(True)

    def _moving(self, now: bool) -> None:
        if not now:
            self._transfer = None
            self.note.setText(self._summary)
        self.bar.setRange(0, 0)
        self.bar.setVisible(now)
        self.stop.setVisible(now)
        self._enable()

    def _cancel(self) -> None:
        if self._transfer is not None:
            self._transfer.cancel()
        self._moving(False)
        self.refresh()
        self._context.banners.show_message("info", "Transfer cancelled")

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if self._transfer is None and _files(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        self.offer_files(_files(event))


def _files(event: Any) -> list[Path]:
    paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
    return [path for path in paths if path.exists()]
