"""A container's files: browse, download, upload. Without a shell in it the engine's archive tells."""

from __future__ import annotations

import asyncio
import io
import posixpath
import tarfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QLineEdit, QVBoxLayout, QWidget

from desktop.ui.context import Context
from desktop.ui.models.format import age, size
from desktop.ui.models.records import Column, Row
from desktop.ui.theme import GAP
from desktop.ui.widgets.basics import button, label, row, tool
from desktop.ui.widgets.table import Table
from engine.client import EngineClient
from vm.errors import EngineError, UserError

LIST = 'for f in * .*; do [ -e "$f" ] || [ -L "$f" ] || continue; stat -c \'%F|%s|%Y|%A|%n\' "$f"; done'
"""Run in the folder: kind, bytes, seconds since 1970, mode, name; one a line. stat(1) of busybox and coreutils."""

MOST_BYTES = 2**31


@dataclass(frozen=True)
class Entry:
    """A file or folder."""

    name: str
    folder: bool
    size: int
    changed: int
    mode: str


COLUMNS = (
    Column(
        "Name",
        lambda item: item.name + ("/" if item.folder else ""),
        lambda item: (not item.folder, item.name),
        width=0,
    ),
    Column(
        "Size", lambda item: "" if item.folder else size(item.size), lambda item: item.size, width=90, right=True
    ),
    Column("Changed", lambda item: age(item.changed), lambda item: -item.changed, width=130),
    Column("Mode", lambda item: item.mode, width=110),
)


class FilesPanel(QWidget):
    """One container's files, from its root."""

    def __init__(self, context: Context, key: str, path: str = "/") -> None:
        super().__init__()
        self._context, self._key = context, key
        self.path = QLineEdit(path)
        self.path.setAccessibleName("Folder")
        self.table = Table(COLUMNS, "Files")
        self.table.setSelectionMode(self.table.SelectionMode.SingleSelection)
        self.note = label("", "muted", wrap=True)
        self.up = tool("back", "Folder above", self._up)
        self.download = button("Download…", self._download, picture="download")
        self.upload = button("Upload…", self._upload, picture="upload")
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(GAP)
        outer.addLayout(
            row(self.up, self.path, tool("refresh", "Look again", self.refresh), self.download, self.upload)
        )
        outer.addWidget(self.note)
        outer.addWidget(self.table, 1)
        self.path.returnPressed.connect(self.refresh)
        self.table.opened.connect(self._open)
        self.table.chosen_changed.connect(lambda: self.download.setEnabled(bool(self.table.chosen())))
        self.download.setEnabled(False)
        self.refresh()

    def refresh(self) -> None:
        """List the folder now."""
        path = posixpath.normpath(posixpath.join("/", self.path.text().strip() or "/"))
        self.path.setText(path)
        self.note.setText("")
        self.note.hide()
        self._context.session.bridge.call(
            list_folder(self._context.session.engine, self._key, path), self._show, self._failed, owner=self
        )

    def _show(self, entries: list[Entry]) -> None:
        self.table.records.update_rows([Row(item.name, item) for item in entries])
        if not entries:
            self._tell("This folder is empty.")

    def _failed(self, error: UserError) -> None:
        self.table.records.update_rows([])
        self._tell(f"{error.message} {error.hint}".strip())

    def _tell(self, text: str) -> None:
        self.note.setText(text)
        self.note.show()

    def _up(self) -> None:
        self.path.setText(posixpath.dirname(self.path.text()))
        self.refresh()

    def _open(self, found: Row) -> None:
        if found.record.folder:
            self.path.setText(posixpath.join(self.path.text(), found.record.name))
            self.refresh()
        else:
            self._download()

    def _download(self) -> None:
        for found in self.table.chosen()[:1]:
            offered = found.record.name + (".tar" if found.record.folder else "")
            target, _ = QFileDialog.getSaveFileName(self, "Download", str(Path.home() / offered))
            if target:
                self.download_to(found.record, Path(target))

    def download_to(self, entry: Entry, target: Path) -> None:
        """Bring an entry of the folder to this computer."""
        inside = posixpath.join(self.path.text(), entry.name)
        self._context.session.bridge.call(
            download(self._context.session.engine, self._key, inside, target, folder=entry.folder),
            lambda count: self._tell(f"{target} has {size(count)}"),
            self._failed_transfer,
            owner=self,
        )

    def _upload(self) -> None:
        names, _ = QFileDialog.getOpenFileNames(self, "Upload", str(Path.home()))
        if names:
            self.upload_files([Path(name) for name in names])

    def upload_files(self, files: list[Path]) -> None:
        """Put files into the folder that is shown."""

        def done(_: None) -> None:
            self.refresh()
            self._tell(f"{len(files)} uploaded")

        work = upload(self._context.session.engine, self._key, self.path.text(), files)
        self._context.session.bridge.call(work, done, self._failed_transfer, owner=self)

    def _failed_transfer(self, error: UserError) -> None:
        self._context.banners.error(error)


async def list_folder(engine: EngineClient, key: str, path: str) -> list[Entry]:
    """What is in a folder: asked of a shell in the container when it runs, else read off the engine's archive.

    :raise EngineError: there is no such folder.
    """
    running = bool((await engine.containers.inspect(key))["State"].get("Running"))
    if running:
        found = await _ask_shell(engine, key, path)
        if found is not None:
            return found
    return await _read_archive(engine, key, path)


async def _ask_shell(engine: EngineClient, key: str, path: str) -> list[Entry] | None:
    """None when there is no shell, or no ``stat``, in the container."""
    made = await engine.containers.exec(key, ["/bin/sh", "-c", LIST], WorkingDir=path)
    output = b""
    try:
        async with await made.start() as duplex:
            await duplex.write_eof()
            async for frame in duplex.frames():
                output += frame.data if frame.stream == 1 else b""
    except EngineError:
        return None
    if (await made.inspect()).get("ExitCode"):
        return None
    entries = []
    for text in output.decode(errors="replace").splitlines():
        parts = text.split("|", 4)
        if len(parts) == 5 and parts[4] not in (".", ".."):
            kind, count, changed, mode, name = parts
            entries.append(Entry(name, kind == "directory", int(count), int(changed), mode))
    return entries


async def _read_archive(engine: EngineClient, key: str, path: str) -> list[Entry]:
    data = bytearray()
    async for chunk in engine.containers.get_archive(key, path):
        data += chunk
        if len(data) > MOST_BYTES:
            raise EngineError(
                "This folder is too large to be listed while the container does not run", "Start it."
            )
    return await asyncio.to_thread(_entries, bytes(data))


def _entries(data: bytes) -> list[Entry]:
    entries: dict[str, Entry] = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for member in tar:
            parts = [part for part in member.name.split("/") if part not in ("", ".")]
            inside = parts[1:] if len(parts) > 1 else parts[:0]
            if len(inside) == 1:
                mode = oct(member.mode)[2:]
                entries[inside[0]] = Entry(inside[0], member.isdir(), member.size, int(member.mtime), mode)
            elif inside:
                entries.setdefault(inside[0], Entry(inside[0], True, 0, int(member.mtime), ""))
    return list(entries.values())


async def download(engine: EngineClient, key: str, inside: str, target: Path, *, folder: bool) -> int:
    """Bring a file, or a folder as a tar archive, to this computer; nothing half-written is left.

    :return: bytes written.
    """
    part = target.with_name(target.name + ".part")
    try:
        with part.open("wb") as out:
            async for chunk in engine.containers.get_archive(key, inside):
                await asyncio.to_thread(out.write, chunk)
        if folder:
            part.replace(target)  # a rename does not wait
            return (await asyncio.to_thread(target.stat)).st_size
        return await asyncio.to_thread(_unpack_one, part, target)
    except OSError as error:
        raise EngineError(f"{target} cannot be written: {error.strerror}", "", str(error)) from error
    finally:
        part.unlink(missing_ok=True)


def _unpack_one(archive: Path, target: Path) -> int:
    with tarfile.open(archive) as tar:
        member = next(item for item in tar if item.isfile())
        source = tar.extractfile(member)
        assert source is not None
        count = 0
        with target.open("wb") as out:
            while piece := source.read(2**20):
                count += out.write(piece)
        return count


async def upload(engine: EngineClient, key: str, path: str, files: list[Path]) -> None:
    """Put files of this computer into a folder of the container."""

    async def archive() -> AsyncIterator[bytes]:
        for file in files:
            info = await asyncio.to_thread(_header, file)
            yield info.tobuf(tarfile.PAX_FORMAT)
            with file.open("rb") as source:
                while piece := await asyncio.to_thread(source.read, 2**20):
                    yield piece
            yield b"\0" * (-info.size % tarfile.BLOCKSIZE)
        yield b"\0" * 2 * tarfile.BLOCKSIZE

    try:
        await engine.containers.put_archive(key, path, archive())
    except OSError as error:
        raise EngineError(f"{error.filename} cannot be read: {error.strerror}", "", str(error)) from error


def _header(file: Path) -> tarfile.TarInfo:
    info = tarfile.TarInfo(file.name)
    about = file.stat()
    info.size, info.mtime, info.mode = about.st_size, int(about.st_mtime), about.st_mode & 0o777
    return info
