"""Images: the table, and pull, push, tag, run, remove, save, load, build, search and prune."""

from __future__ import annotations

import asyncio
import os
import tarfile
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QComboBox, QFileDialog

from desktop.ui.context import Context
from desktop.ui.models import images as model
from desktop.ui.models.format import size
from desktop.ui.models.images import Line
from desktop.ui.pages.image import ImagePage
from desktop.ui.pages.run import RunDialog
from desktop.ui.pages.search import SearchDialog
from desktop.ui.widgets.basics import button
from desktop.ui.widgets.dialogs import Form, Question
from desktop.ui.widgets.listpage import ListPage, Operation
from desktop.ui.widgets.progress import ProgressDialog
from engine.client import EngineClient
from engine.client.errors import Conflict
from engine.client.models import Progress
from vm.errors import EngineError, UserError

PLATFORMS = ("this machine's", "linux/amd64", "linux/arm64", "linux/arm/v7", "linux/riscv64")


class ImagesPage(ListPage):
    """See the module."""

    def __init__(self, context: Context) -> None:
        super().__init__(context, "Images", "images", model.COLUMNS, tree=True)
        self.table.delegate.quiet.update(range(model.ID, model.USERS + 1))
        self.table.filter.search_in(model.searched)
        self.table.opened.connect(lambda found: self.open(found.record))
        for text, run, picture in (
            ("Search Docker Hub…", self.search_dialog, "search"),
            ("Build…", self.build_dialog, "build"),
            ("Load…", self._load, "upload"),
        ):
            self.add_button(button(text, run, picture=picture))
        self.add_button(button("Pull…", self.pull_dialog, picture="pull", primary=True))
        self.add_filters(
            ("All", lambda line: True),
            ("In use", lambda line: bool(line.users)),
            ("Not used", lambda line: not line.users),
            ("Dangling", lambda line: line.dangling),
        )
        self.add_operations(
            Operation("run", "Run…", "play", lambda lines: self.run_dialog(lines[0]), single=True),
            Operation("tag", "Tag…", "tag", self._tag, single=True),
            Operation("push", "Push", "push", self._push, lambda line: not line.dangling, single=True),
            Operation("save", "Save to a file…", "save", self._save),
            Operation("remove", "Remove…", "remove", self._remove, shortcut="Del"),
            Operation(
                "details", "Open details", "inspect", lambda lines: self.open(lines[0]), bar=False, single=True
            ),
            Operation("copy", "Copy ID", "copy", self._copy, bar=False, single=True),
        )
        self.add_tool(button("Prune…", self.prune, picture="prune"))
        self.explain_empty(
            "No images yet",
            "Pull one from a registry, load one from a file, or build one from a folder with a Dockerfile.",
            button("Pull an image…", self.pull_dialog, picture="pull", primary=True),
        )
        for found in (context.lists.images, context.lists.containers):
            found.changed.connect(self.refresh)

    def refresh(self) -> None:
        """Show what there is now."""
        found = self.context.lists.images
        self.show_rows(model.rows(found.items, self.context.lists.containers.items), found.known)
        if found.known:
            self.count.setText(f"{len(found.items)}, {size(sum(image.size for image in found.items))}")

    # -- getting --------------------------------------------------------------------------------------------------

    def pull_dialog(self, name: str = "") -> Form:
        """Ask what to pull."""
        form = Form(
            self, "Pull an image", "Pull", "A name with a tag or a digest; without one, “latest” is meant."
        )
        field = form.field("Image", "such as nginx:1.29 or ghcr.io/owner/name", name, reference_trouble)
        platform = QComboBox()
        platform.addItems(PLATFORMS)
        form.add("Platform", platform)

        def accepted() -> None:
            chosen = platform.currentText() if platform.currentIndex() else None
            self.pull(field.text().strip(), chosen)

        form.accepted.connect(accepted)
        form.open()
        return form

    def pull(self, name: str, platform: str | None = None) -> ProgressDialog:
        """Pull, with progress for each layer."""
        images = self.context.session.engine.images
        return self._progress(f"Pulling {name}", lambda: images.pull(name, platform=platform), f"{name} is here")

    def search_dialog(self) -> SearchDialog:
        """Search Docker Hub."""
        dialog = SearchDialog(self, self.context, self.pull_dialog)
        dialog.open()
        return dialog

    def _load(self) -> None:
        name, _ = QFileDialog.getOpenFileName(
            self, "Load images", str(Path.home()), "Archives (*.tar *.tar.gz *.tgz *.tar.xz);;All files (*)"
        )
        if name:
            self.load(Path(name))

    def load(self, path: Path) -> ProgressDialog:
        """Load images from an archive."""
        engine = self.context.session.engine
        return self._progress(f"Loading {path.name}", lambda: load_file(engine, path), f"{path.name} is loaded")

    def build_dialog(self) -> Form:
        """Ask what to build."""
        form = Form(self, "Build an image", "Build", "From a folder that holds a Dockerfile.")
        folder = form.field("Folder", "/home/me/project", check=folder_trouble)
        tag = form.field("Tag", "such as me/app:1.0", check=reference_trouble)
        dockerfile = form.field("Dockerfile", value="Dockerfile")

        def choose() -> None:
            found = QFileDialog.getExistingDirectory(form, "The folder to build", str(Path.home()))
            if found:
                folder.setText(found)

        form.form.insertRow(1, "", button("Choose…", choose, picture="files"))
        form.accepted.connect(
            lambda: self.build(Path(folder.text()), tag.text().strip(), dockerfile.text().strip())
        )
        form.open()
        return form

    def build(self, folder: Path, tag: str, dockerfile: str) -> ProgressDialog:
        """Build, with the steps as they go."""
        engine = self.context.session.engine
        return self._progress(
            f"Building {tag}", lambda: build_folder(engine, folder, tag, dockerfile), f"{tag} is built"
        )

    def _progress(self, title: str, steps: Any, outcome: str) -> ProgressDialog:
        dialog = ProgressDialog(self, self.context, title, steps, outcome)
        dialog.show()
        return dialog

    # -- doing ----------------------------------------------------------------------------------------------------

    def open(self, line: Line) -> ImagePage:
        """Show one image's page."""
        page = ImagePage(self.context, line.image, line.reference)
        self.context.places.show_page(page)
        return page

    def run_dialog(self, line: Line) -> RunDialog:
        """Ask how to run it."""
        dialog = RunDialog(self, self.context, line.reference)
        dialog.open()
        return dialog

    def _tag(self, lines: list[Line]) -> None:
        line = lines[0]
        form = Form(self, f"Tag {line.reference}", "Tag", "One more name for the same image.")
        field = form.field("New name", "such as registry.example/me/app:1.0", check=reference_trouble)

        def accepted() -> None:
            new = field.text().strip()

            async def call(engine: EngineClient, key: str) -> None:
                await engine.images.tag(key, new)

            self.context.each([(line.image.id, line.reference)], call, "{} could not be tagged")

        form.accepted.connect(accepted)
        form.open()

    def _push(self, lines: list[Line]) -> None:
        name = lines[0].reference
        images = self.context.session.engine.images
        self._progress(f"Pushing {name}", lambda: images.push(name), f"{name} is in its registry")

    def _save(self, lines: list[Line]) -> None:
        offered = lines[0].repository.rpartition("/")[2] if len(lines) == 1 else "images"
        target, _ = QFileDialog.getSaveFileName(self, "Save images", str(Path.home() / f"{offered}.tar"))
        if target:
            self.save([line.reference for line in lines], Path(target))

    def save(self, names: list[str], target: Path) -> ProgressDialog:
        """Save images to an archive."""
        engine = self.context.session.engine
        total = sum(line.record.image.size for line in self.table.chosen())
        steps = partial(save_file, engine, names, target, total)
        return self._progress(f"Saving to {target.name}", steps, f"{target} is written")

    def _copy(self, lines: list[Line]) -> None:
        QGuiApplication.clipboard().setText(lines[0].image.id)
        self.context.banners.tell("done", "The ID is in the clipboard")

    def _remove(self, lines: list[Line]) -> None:
        users = sorted({user for line in lines for user in line.users if _last_tag(line)})
        what = lines[0].reference if len(lines) == 1 else f"{len(lines)} images"
        if users:
            text = f"In use by {', '.join(users[:6])}. Those containers are stopped and removed first."
        else:
            text = "It can be pulled or built again." if len(lines) == 1 else "They can be pulled or built again."
        verb = "Remove" if not users else "Stop, remove both"
        question = Question(
            self, f"Remove {what}?", text, verb, names=[x.reference for x in lines] if len(lines) > 1 else None
        )
        question.then(lambda _: self.context.each(_subjects(lines), _remove_with_users, "{} could not be removed"))

    def prune(self) -> None:
        """Show what would go and how much it frees, then ask."""
        images = [row.record for row in self.table.records.rows()]
        idle = [line for line in images if not line.users]
        dangling = [line for line in idle if line.dangling]
        if not idle:
            self.context.banners.tell("info", "Nothing to prune: every image is in use")
            return
        freed, every = (sum(x.image.size - max(0, x.image.shared) for x in part) for part in (dangling, idle))
        question = Question(
            self,
            "Prune images?",
            f"{len(dangling)} dangling images go and free about {size(freed)}.",
            "Prune",
            names=[line.reference[:30] for line in dangling],
            option=f"Also the {len(idle) - len(dangling)} tagged ones no container uses ({size(every)} in all)",
        )

        def agreed(everything: bool) -> None:
            self.context.session.bridge.call(
                self.context.session.engine.images.prune(all=everything),
                lambda gone: self.context.banners.tell("done", f"{size(gone.reclaimed)} are free again"),
                self.context.banners.error,
                owner=self,
            )

        question.then(agreed)


def _last_tag(line: Line) -> bool:
    return not line.is_tag or len(line.image.tags) == 1


def _subjects(lines: list[Line]) -> list[tuple[str, str]]:
    """What to remove: a tag's row is that tag alone, an image's row all of it."""
    found: dict[str, str] = {}
    for line in lines:
        for name in (line.reference,) if line.is_tag else line.image.tags or (line.image.id,):
            found[name] = name
    return list(found.items())


async def _remove_with_users(engine: EngineClient, name: str) -> None:
    try:
        await engine.images.remove(name)
    except Conflict:
        key = (await engine.images.inspect(name))["Id"]
        for container in await engine.containers.list(all=True):
            if container.image_id == key:
                await engine.containers.remove(container.id, force=True)
        await engine.images.remove(name)


async def load_file(engine: EngineClient, path: Path) -> AsyncIterator[Progress]:
    """Load an archive, telling how much of it has been sent."""
    total = (await asyncio.to_thread(path.stat)).st_size
    told: asyncio.Queue[Progress | UserError | None] = asyncio.Queue()

    async def pieces() -> AsyncIterator[bytes]:
        sent = 0
        with path.open("rb") as source:
            while piece := await asyncio.to_thread(source.read, 2**20):
                yield piece
                sent += len(piece)
                told.put_nowait(Progress(path.name, "Sent", sent, total))

    async def work() -> None:
        try:
            async for step in engine.images.load(pieces()):
                told.put_nowait(step)
            told.put_nowait(None)
        except UserError as error:
            told.put_nowait(error)

    task = asyncio.create_task(work())
    try:
        while (step := await told.get()) is not None:
            if isinstance(step, UserError):
                raise step
            yield step
    finally:
        task.cancel()


async def save_file(engine: EngineClient, names: list[str], target: Path, total: int) -> AsyncIterator[Progress]:
    """Save images; nothing half-written is left.

    :raise EngineError: the file cannot be written.
    """
    part, count = target.with_name(target.name + ".part"), 0
    try:
        with part.open("wb") as out:
            async for piece in engine.images.save(*names):
                count += await asyncio.to_thread(out.write, piece)
                yield Progress(target.name, "Written", count, max(total, count))
        part.replace(target)
    except OSError as error:
        raise EngineError(f"{target} cannot be written: {error.strerror}", "", str(error)) from error
    finally:
        part.unlink(missing_ok=True)


async def build_folder(engine: EngineClient, folder: Path, tag: str, dockerfile: str) -> AsyncIterator[Progress]:
    """Build a folder with the engine's own builder."""
    archive = await asyncio.to_thread(_pack, folder)
    try:

        async def pieces() -> AsyncIterator[bytes]:
            with archive.open("rb") as source:
                while piece := await asyncio.to_thread(source.read, 2**20):
                    yield piece

        async for step in engine.images.build(pieces(), tag=tag, dockerfile=dockerfile or "Dockerfile"):
            yield step
    finally:
        archive.unlink(missing_ok=True)


def _pack(folder: Path) -> Path:
    import tempfile

    number, name = tempfile.mkstemp(prefix="slipway-build-", suffix=".tar")
    with os.fdopen(number, "wb") as out, tarfile.open(fileobj=out, mode="w") as tar:
        tar.add(folder, arcname=".")
    return Path(name)


def reference_trouble(text: str) -> str:
    """Why a text cannot name an image (distribution/reference); empty when it can."""
    if not text:
        return "Give a name."
    if any(letter.isspace() for letter in text):
        return "A name has no spaces."
    first, slash, _ = text.partition("/")
    host = bool(slash) and ("." in first or ":" in first or first == "localhost")
    path = text.partition("/")[2] if host else text
    if path.partition("@")[0].rpartition(":")[0].lower() != path.partition("@")[0].rpartition(":")[0]:
        return "A repository's name has no capital letters."
    if ":" not in path and path != path.lower():
        return "A repository's name has no capital letters."
    return "" if path and not path.startswith(("/", ":", "@")) else "The name of the repository is missing."


def folder_trouble(text: str) -> str:
    """Why a text is no folder of this computer."""
    if not text:
        return "Choose a folder."
    return "" if Path(text).is_dir() else "There is no such folder."
