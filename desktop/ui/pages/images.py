"""Images: the table with its filters and operations."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtGui import QGuiApplication, QHideEvent, QShowEvent
from PySide6.QtWidgets import QFileDialog, QVBoxLayout

from desktop.ui.activities import Job, Order
from desktop.ui.arriving import Arriving
from desktop.ui.bridge import Work
from desktop.ui.bulk import titled
from desktop.ui.context import Context
from desktop.ui.image_details import DetailsLoader
from desktop.ui.image_updates import Checked, Findings, check
from desktop.ui.jobs import build, load, pull, push, save
from desktop.ui.models import images as model
from desktop.ui.models.activity import Kind
from desktop.ui.models.facts import USERS, Described
from desktop.ui.models.format import size
from desktop.ui.models.image_filters import KINDS, Listed, Query, parse
from desktop.ui.models.images import Line
from desktop.ui.models.records import Row
from desktop.ui.pages.build_dialog import BuildDialog
from desktop.ui.pages.container import show_container
from desktop.ui.pages.image import ImagePage
from desktop.ui.pages.image_diff import ImageDiffDialog
from desktop.ui.pages.image_forms import BuildForm, PullForm, TagForm
from desktop.ui.pages.image_prune import PruneDialog
from desktop.ui.pages.image_removal import ask_removal
from desktop.ui.pages.run import RunDialog
from desktop.ui.pages.search import SearchDialog
from desktop.ui.widgets.basics import button, label, restyle
from desktop.ui.widgets.dialogs import Question
from desktop.ui.widgets.filter_menu import filter_menu
from desktop.ui.widgets.listpage import ListPage, Operation
from desktop.ui.widgets.progress import ProgressDialog
from engine.client import EngineClient
from engine.client.build.build import Build
from engine.client.models import Image
from vm.errors import UserError

TYPING_MS = 250
"""Milliseconds from the last key press to the request to the engine."""

ARCHIVES = "Archives (*.tar *.tar.gz *.tgz *.tar.xz *.tar.zst);;All files (*)"


async def list_all(engines: list[EngineClient], filters: dict[str, list[str]]) -> list[Image]:
    """The images of several engines that match. :raise UserError: one of them refuses the filter."""
    return [
        image
        for found in await asyncio.gather(*(e.images.list(filters=filters) for e in engines))
        for image in found
    ]


class ImagesPage(ListPage):
    """The page with the list of images."""

    def __init__(self, context: Context) -> None:
        super().__init__(context, "Images", "images", model.COLUMNS, tree=True, both=True)
        self.details = {one: DetailsLoader(one.view, one.lists.images) for one in context.both}
        self.table.delegate.quiet.update(range(model.ID, model.USERS))
        self.table.delegate.links.add(model.USERS)
        self.table.records.search_in(model.searched)
        self.arriving = {one: Arriving(one, self) for one in context.both}
        self.table.opened.connect(self._open_row)
        self.table.delegate.offers[model.REPOSITORY] = lambda line: "Cancel" if line.is_new else ""
        self.table.delegate.offers[model.TAG] = lambda line: "Update" if self._has_update(line) else ""
        self.table.linked.connect(self._follow_link)
        self._newer: dict[tuple[str, str], bool] = {}
        self._make_filters()
        for text, run, picture in (
            ("Search Docker Hub…", self.search_dialog, "search"),
            ("Build…", self.build_dialog, "build"),
            ("Load…", self._load, "upload"),
        ):
            self.add_button(button(text, run, picture=picture))
        self.add_button(button("Pull…", self.pull_dialog, picture="pull", primary=True))
        self.commands |= {"pull": self.pull_dialog, "build": self.build_dialog, "search": self.search_dialog}
        few, row = partial(Operation, single=True), partial(Operation, row=True)
        self.add_operations(
            row("run", "Run…", "play", lambda lines: self.run_dialog(lines[0]), _is_there, single=True),
            Operation("tag", "Tag…", "tag", self._tag, _is_there, single=True),
            Operation("push", "Push", "push", self._push, _can_be_pushed, single=True),
            Operation("save", "Save to a file…", "save", self._save, _is_there),
            row("remove", "Remove…", "remove", self.remove, _is_there, shortcut="Del"),
            few("details", "Open details", "inspect", lambda lines: self.open(lines[0]), _is_there),
            Operation("check", "Check for updates", "refresh", self._check, _is_of_registry, bar=False),
            few("update", "Update", "pull", self._update, self._has_update),
            Operation("compare", "Compare layers…", "inspect", self._compare, _is_there, bar=False, pair=True),
            few("copy", "Copy ID", "copy", self._copy, _is_there),
            few("progress", "Show progress", "inspect", lambda lines: self._show_progress(lines[0]), _is_new),
            few("cancel", "Cancel", "close", self._cancel, _is_new),
        )
        self.add_side()
        self.add_prune(self.prune)
        self.explain_empty(
            "No images yet",
            "Pull one from a registry, load one from a file, or build one from a Dockerfile.",
            button("Pull an image…", self.pull_dialog, picture="pull", primary=True),
        )
        self.follow(self.refresh, lambda lists: lists.images, lambda lists: lists.containers)
        for one, details in self.details.items():
            details.changed.connect(self.table.records.clear_caches)
            details.changed.connect(self.table.viewport().update)
            one.lists.images.changed.connect(self._ask)
            self.arriving[one].changed.connect(self.refresh)
        self.refresh()

    def told(self, record: Line) -> tuple[str, str]:
        return ", ".join(record.names) if not record.dangling else record.repository, size(record.image.size)

    def refresh(self) -> None:
        """Show the current list."""
        before, rows = self.table.records.rows(), list[Row]()
        for one, details in self.details.items():
            containers = one.lists.containers.items
            rows += model.rows(one.lists.images.items, containers, details.known, before, one.view.origin)
        known = self.known(lambda lists: lists.images)
        coming = [line for arriving in self.arriving.values() for line in arriving.lines()]
        self.show_rows([*rows, *(Row(line.image.id, line) for line in coming)], known)
        if known:
            self.count.setText(f"{len(rows)}, {size(sum(row.record.image.size for row in rows))}")

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        for details in self.details.values():
            details.watch(True)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        for details in self.details.values():
            details.watch(False)

    # -- filters --------------------------------------------------------------------------------------------------

    def _make_filters(self) -> None:
        self._query = Query()
        self._choice: Callable[[Line], bool] = lambda line: True
        self._kept: Callable[[Line], bool] = lambda line: True
        self._asking: Work | None = None
        self._typed = QTimer(self, singleShot=True, interval=TYPING_MS)
        self._typed.timeout.connect(self._ask)
        self.search.setPlaceholderText("Search, or filter: label=…")
        self.add_filters(
            ("All", lambda line: True),
            ("In use", lambda line: bool(line.users)),
            ("Not used", lambda line: not line.users and not line.is_new),
            ("Dangling", lambda line: line.dangling),
        )
        self.menu = filter_menu(self.search, [(kind.name, kind.example, kind.about) for kind in KINDS])
        self.add_beside_search(self.menu)
        self.filter_note = label("", "reason", wrap=True)
        self.filter_note.setAccessibleName("Problem with the filter")
        self.filter_note.hide()
        outer = self.layout()
        assert isinstance(outer, QVBoxLayout)
        outer.insertWidget(2, self.filter_note)

    def _searched(self, text: str) -> None:
        before, self._query = self._query, parse(text)
        super()._searched(self._query.words)
        self._complain(self._query.error)
        if self._query.filters != before.filters:
            self._typed.start()

    def _filtered(self, place: int) -> None:
        if 0 <= place < len(self._choices):
            self._choice = self._choices[place]
            self._keep()

    def _keep(self) -> None:
        choice, kept = self._choice, self._kept
        self.keep(lambda line: choice(line) and kept(line))

    def _ask(self) -> None:
        """Ask the engine which images match: it applies the docker command's rules."""
        if self._asking is not None:
            self._asking.cancel()
            self._asking = None
        if not self._query.filters:
            self._kept = lambda line: True
            self._keep()
            return
        engines = [one.engine for one in self.context.both if one.lists.images.known]
        work = list_all(engines, self._query.filters)
        self._asking = self.context.session.bridge.call(work, self._answered, self._refused, owner=self)

    def _answered(self, found: list[Image]) -> None:
        self._asking = None
        self._complain(self._query.error)
        self._kept = Listed(found)
        self._keep()

    def _refused(self, error: UserError) -> None:
        self._asking = None
        self._complain(f"{error.message}. {error.hint}".strip())
        self._kept = lambda line: False
        self._keep()

    def _complain(self, text: str) -> None:
        self.filter_note.setText(text)
        self.filter_note.setVisible(bool(text))
        self.search.setProperty("invalid", bool(text))
        self.search.setAccessibleDescription(text)
        restyle(self.search)

    # -- pull, load, build ----------------------------------------------------------------------------------------

    def pull_dialog(self, name: str = "") -> PullForm:
        """Open the form that pulls an image."""
        form = PullForm(self, name)
        form.accepted.connect(lambda: self.pull(form.image.text().strip(), form.platform.platform))
        form.open()
        return form

    def pull(self, name: str, platform: str = "") -> Job:
        """Pull an image; it has a row meanwhile."""
        job = self._begin(pull(self.target, name, platform))
        self.table.choose(job.key)
        return job

    def search_dialog(self) -> SearchDialog:
        """Search Docker Hub."""
        dialog = SearchDialog(self, self.target, self.pull_dialog)
        dialog.open()
        return dialog

    def _load(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Load images", str(Path.home()), ARCHIVES)
        if name:
            self.load(Path(name))

    def load(self, path: Path) -> Job:
        """Load images from an archive, which has a row meanwhile."""
        return self._begin(load(self.target, str(path)))

    def build_dialog(self) -> BuildForm:
        """Open the form that builds an image."""
        form = BuildForm(self)
        form.accepted.connect(lambda: self.build(form.build()))
        form.open()
        return form

    def build(self, what: Build) -> BuildDialog:
        """Build an image, showing its steps."""
        target = self.target
        job = self._begin(build(target, what))
        dialog = BuildDialog(self, target, job, partial(self._run_name, target))
        dialog.show()
        return dialog

    def _begin(self, order: Order) -> Job:
        return self.context.session.activities.begin(order)

    def show_job(self, job: Job) -> ProgressDialog:
        """Show the progress of each layer."""
        dialog = ProgressDialog(self, self.context, job)
        dialog.show()
        return dialog

    def _open_row(self, found: Row) -> None:
        if found.record.is_new:
            self._show_progress(found.record)
        else:
            self.open(found.record)

    def _show_progress(self, line: Line) -> None:
        job = self.arriving[self.context.at(line)].job(line)
        if job is not None and job.running:
            self.show_job(job)

    def _cancel(self, lines: list[Line]) -> None:
        job = self.arriving[self.context.at(lines[0])].job(lines[0])
        if job is not None:
            job.cancel()

    # -- updates --------------------------------------------------------------------------------------------------

    def _check(self, lines: list[Line]) -> None:
        """Ask the registries whether they have other images under these names."""
        for one, mine in self.context.split(lines):
            names = {name: line.image for line in mine for name in line.names}

            title = titled("Checking", [(name, name) for name in names])
            work, hook = partial(check, one.engine, names), partial(self._follow_check, names)
            self._begin(Order(Kind.CHANGE, title, work, reader=Findings, engine=one.engine_words, hook=hook))

    def _follow_check(self, names: dict[str, Image], job: Job) -> None:
        job.changed.connect(partial(self._take_checked, names))
        job.succeeded.connect(lambda: self.context.banners.show_message("done", job.reader.note))

    def _take_checked(self, names: dict[str, Image], steps: list[Checked]) -> None:
        for step in steps:
            self._newer[names[step.reference].id, step.reference] = step.newer
        self.table.records.clear_caches()
        self.table.viewport().update()
        self._enable()

    def _has_update(self, line: Line) -> bool:
        return any(self._newer.get((line.image.id, name)) for name in line.names)

    def _update(self, lines: list[Line]) -> None:
        for name in lines[0].names:
            if self._newer.get((lines[0].image.id, name)):
                self._begin(pull(self.context.at(lines[0]), name))

    def _compare(self, lines: list[Line]) -> None:
        ImageDiffDialog(self, self.context.at(lines[0]), lines[0], lines[1]).show()

    def _follow_link(self, found: Row, column: int, number: int) -> None:
        if column == model.USERS:
            self.follow_fact(found.record, USERS, number)
        elif column == model.REPOSITORY:
            self._cancel([found.record])
        else:
            self._update([found.record])

    # -- operations -----------------------------------------------------------------------------------------------

    def open(self, line: Line) -> ImagePage:
        """Show the page of one image."""
        one = self.context.at(line)
        page = ImagePage(one, line, self.details[one])
        for name in ("run", "tag", "push", "save", "remove"):
            operation = self.operation(name)
            if operation.applies(line):
                page.offer(operation.text, operation.picture, partial(operation.run, [line]))
        self.context.places.show_page(page)
        return page

    def describe(self, record: Line) -> Described:
        return model.describe(record)

    def follow_fact(self, record: Line, name: str, number: int) -> None:
        show_container(self.context.at(record), record.users[number])

    def run_dialog(self, line: Line) -> RunDialog:
        """Open the form that runs a container of an image."""
        return self._run_name(self.context.at(line), line.reference)

    def _run_name(self, context: Context, name: str) -> RunDialog:
        dialog = RunDialog(self, context, name)
        dialog.open()
        return dialog

    def _tag(self, lines: list[Line]) -> None:
        line, context = lines[0], self.context.at(lines[0])
        form = TagForm(self, line.reference)

        def accepted() -> None:
            new = form.name.text().strip()

            async def call(engine: EngineClient, key: str) -> None:
                await engine.images.tag(key, new)

            context.each([(line.image.id, line.reference)], call, "{} could not be tagged", "Tagging")

        form.accepted.connect(accepted)
        form.open()

    def _push(self, lines: list[Line]) -> None:
        self.show_job(self._begin(push(self.context.at(lines[0]), lines[0].reference)))

    def _save(self, lines: list[Line]) -> None:
        if len(self.context.split(lines)) > 1:
            hint = "An archive is loaded by one engine. Save the images of each on their own."
            self.context.banners.show_message("info", "These images are in two engines", hint)
            return
        offered = lines[0].repository.rpartition("/")[2].strip("<>") if len(lines) == 1 else "images"
        target, _ = QFileDialog.getSaveFileName(self, "Save images", str(Path.home() / f"{offered}.tar"), ARCHIVES)
        if target:
            self.save(lines, Path(target))

    def save(self, lines: list[Line], target: Path) -> ProgressDialog:
        """Save images to an archive; the row of an image stands for all its names."""
        names = [name for line in lines for name in line.names]
        total = sum(image.size for image in {line.image.id: line.image for line in lines}.values())
        return self.show_job(self._begin(save(self.context.at(lines[0]), names, str(target), total)))

    def _copy(self, lines: list[Line]) -> None:
        QGuiApplication.clipboard().setText(lines[0].image.id)
        self.context.banners.show_message("done", "ID copied")

    def remove(self, lines: list[Line]) -> Question:
        """Ask, naming the containers that use the images."""
        return ask_removal(self, self.context, lines)

    def prune(self) -> None:
        """Ask, showing the images to remove and the space that frees."""
        one = self.target
        every = [row.record for row in self.table.records.rows() if not row.record.is_new]
        lines = [line for line in every if self.context.at(line) is one]
        if all(line.users for line in lines):
            self.context.banners.show_message("info", "Nothing to prune: every image is in use")
            return

        def agreed(everything: bool) -> None:
            self.context.session.activities.call(
                "Pruning images",
                partial(one.engine.images.prune, all=everything),
                lambda gone: self.context.banners.show_message("done", f"Freed {size(gone.reclaimed)}"),
                engine=one.engine_words,
            )

        PruneDialog(self, one, lines, self.details[one]).then(agreed)


def _is_new(line: Line) -> bool:
    return line.is_new


def _is_there(line: Line) -> bool:
    return not line.is_new


def _can_be_pushed(line: Line) -> bool:
    return not line.dangling and not line.is_new


def _is_of_registry(line: Line) -> bool:
    return _can_be_pushed(line) and bool(line.image.digests)
