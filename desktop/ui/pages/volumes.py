"""Volumes: list, create, import, export, clone, browse, empty, remove, prune."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtGui import QShowEvent

from desktop.ui.context import Context
from desktop.ui.models import volumes as model
from desktop.ui.models.facts import USERS, Described
from desktop.ui.models.records import Row
from desktop.ui.models.run import name_error
from desktop.ui.models.volumes import VolumeLine
from desktop.ui.pages.container import show_container
from desktop.ui.pages.volume import VolumePage
from desktop.ui.pages.volume_operations import able, clone_dialog, empty_dialog, export_dialog, import_dialog
from desktop.ui.pages.volume_removal import RemovedVolumesDialog, VolumeRemoval
from desktop.ui.volume_sizes import VolumeSizes
from desktop.ui.widgets.basics import button
from desktop.ui.widgets.dialogs import Form
from desktop.ui.widgets.listpage import ListPage, Operation


class VolumesPage(ListPage):
    """The page with the list of volumes."""

    emptied = Signal(str)

    def __init__(self, context: Context) -> None:
        super().__init__(context, "Volumes", "volumes", model.COLUMNS, platform=model.PLATFORM)
        self.sizes = {one: VolumeSizes(one.view, self) for one in context.both}
        self.table.delegate.quiet.update(set(range(model.PLATFORM, model.CREATED + 1)) - {model.USERS})
        self.table.delegate.links.add(model.USERS)
        self.table.linked.connect(self._open_user)
        self.table.records.search_in(lambda line: " ".join((line.volume.name, *line.users)))
        self.table.opened.connect(lambda found: self.open(found.record))
        self.add_button(button("Removed volumes…", self.removed_dialog, picture="undo"))
        self.add_button(button("Import…", lambda: import_dialog(self, self.target), picture="upload"))
        self.add_button(button("Create…", self.create_dialog, picture="add", primary=True))
        self.commands |= {
            "create": self.create_dialog,
            "import": lambda: import_dialog(self, self.target),
            "removed": self.removed_dialog,
        }
        self.add_filters(
            ("All", lambda line: True),
            ("In use", lambda line: bool(line.users)),
            ("Not used", lambda line: not line.users),
        )
        self.add_operations(*self._made_operations())
        self.add_side()
        self.add_prune(self.prune)
        self.explain_empty(
            "No volumes yet",
            "A volume keeps the data of a container when the container is removed.",
            button("Create a volume…", self.create_dialog, picture="add", primary=True),
        )
        self.follow(self.refresh, lambda lists: lists.volumes, lambda lists: lists.containers)
        self.follow(self.measure, lambda lists: lists.volumes)
        self.emptied.connect(self.measure)
        for sizes in self.sizes.values():
            sizes.changed.connect(self.refresh)
        self.refresh()

    def _made_operations(self) -> tuple[Operation, ...]:
        context = self.context
        whole = partial(able, context)
        return (
            Operation(
                "details", "Browse files", "files", lambda lines: self.open(lines[0]), single=True, row=True
            ),
            Operation(
                "export",
                "Export…",
                "download",
                lambda lines: export_dialog(self, context, lines[0]),
                whole,
                single=True,
            ),
            Operation(
                "clone",
                "Clone…",
                "copy",
                lambda lines: clone_dialog(self, context, lines[0]),
                whole,
                single=True,
            ),
            Operation(
                "empty",
                "Empty…",
                "prune",
                lambda lines: empty_dialog(self, context, lines[0], self.emptied.emit),
                whole,
                bar=False,
                single=True,
                divided=True,
            ),
            Operation("remove", "Remove…", "remove", self._remove, lambda line: not line.users, "Del", row=True),
        )

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.measure()

    def measure(self) -> None:
        """Find out how large the volumes are, while the page is shown."""
        if self.isVisible():
            for one, sizes in self.sizes.items():
                if one.lists.volumes.items:
                    sizes.refresh()

    def refresh(self) -> None:
        """Show the current list."""
        rows = [
            row
            for one in self.context.both
            for row in model.volume_rows(
                one.lists.volumes.items, one.lists.containers.items, one.view.origin, self.sizes[one].known
            )
        ]
        self.show_rows(rows, self.known(lambda lists: lists.volumes))

    def create_dialog(self) -> Form:
        """Open the form that creates a volume."""
        form, target = Form(self, "Create a volume", "Create"), self.target
        field = form.field("Name", "for example database", check=name_error)

        def accepted() -> None:
            name = field.text().strip()
            work = partial(target.engine.volumes.create, name)
            self.context.session.activities.call(f"Creating the volume {name}", work, engine=target.engine_words)

        form.accepted.connect(accepted)
        form.open()
        return form

    def open(self, line: VolumeLine) -> VolumePage:
        """Show the page of one volume."""
        page = VolumePage(self.context.at(line), line)
        self.emptied.connect(page.show_files_of)
        for name in ("export", "clone", "empty"):
            operation = self.operation(name)
            if operation.applies(line):
                page.offer(operation.text, operation.picture, operation.run)
        self.context.places.show_page(page)
        return page

    def _open_user(self, found: Row, _: int, number: int) -> None:
        self.follow_fact(found.record, USERS, number)

    def describe(self, record: VolumeLine) -> Described:
        return model.describe(record)

    def follow_fact(self, record: VolumeLine, name: str, number: int) -> None:
        show_container(self.context.at(record), record.users[number])

    def _remove(self, lines: list[VolumeLine]) -> None:
        for one, mine in self.context.split(lines):
            VolumeRemoval(self, one).ask([line.volume.name for line in mine])

    def prune(self) -> None:
        """Ask, naming the volumes to remove and the space that frees."""
        VolumeRemoval(self, self.target).prune()

    def removed_dialog(self) -> RemovedVolumesDialog:
        """Show what can be restored."""
        dialog = RemovedVolumesDialog(self, self.target)
        dialog.open()
        return dialog
