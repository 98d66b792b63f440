"""Volumes: list, create, inspect, browse, remove, prune."""

from __future__ import annotations

from typing import Any

from desktop.ui.context import Context
from desktop.ui.models import volumes as model
from desktop.ui.models.disk import volume_bytes
from desktop.ui.models.format import size
from desktop.ui.models.records import Row
from desktop.ui.models.run import name_error
from desktop.ui.models.volumes import VolumeLine
from desktop.ui.pages.container import show_container
from desktop.ui.pages.volume import VolumePage
from desktop.ui.widgets.basics import button
from desktop.ui.widgets.dialogs import Form, Question
from desktop.ui.widgets.listpage import ListPage, Operation
from engine.client import EngineClient


class VolumesPage(ListPage):
    """The page with the list of volumes."""

    def __init__(self, context: Context) -> None:
        super().__init__(context, "Volumes", "volumes", model.COLUMNS, platform=model.PLATFORM)
        self.table.delegate.quiet.update((model.PLATFORM, model.DRIVER, model.CREATED))
        self.table.delegate.links.add(model.USERS)
        self.table.linked.connect(self._open_user)
        self.table.records.search_in(lambda line: " ".join((line.volume.name, *line.users)))
        self.table.opened.connect(lambda found: self.open(found.record))
        self.add_button(button("Create…", self.create_dialog, picture="add", primary=True))
        self.commands["create"] = self.create_dialog
        self.add_filters(
            ("All", lambda line: True),
            ("In use", lambda line: bool(line.users)),
            ("Not used", lambda line: not line.users),
        )
        self.add_operations(
            Operation(
                "details", "Browse files", "files", lambda lines: self.open(lines[0]), single=True, row=True
            ),
            Operation("remove", "Remove…", "remove", self._remove, lambda line: not line.users, "Del", row=True),
        )
        self.add_prune(self.prune)
        self.explain_empty(
            "No volumes yet",
            "A volume keeps the data of a container when the container is removed.",
            button("Create a volume…", self.create_dialog, picture="add", primary=True),
        )
        self.follow(self.refresh, lambda lists: lists.volumes, lambda lists: lists.containers)
        self.refresh()

    def refresh(self) -> None:
        """Show the current list."""
        rows = [
            row
            for one in self.context.both
            for row in model.volume_rows(one.lists.volumes.items, one.lists.containers.items, one.view.origin)
        ]
        self.show_rows(rows, self.known(lambda lists: lists.volumes))

    def create_dialog(self) -> Form:
        """Open the form that creates a volume."""
        form, target = Form(self, "Create a volume", "Create"), self.target
        field = form.field("Name", "for example database", check=name_error)

        def accepted() -> None:
            self.context.session.bridge.call(
                target.engine.volumes.create(field.text().strip()),
                None,
                self.context.banners.error,
                owner=self,
            )

        form.accepted.connect(accepted)
        form.open()
        return form

    def open(self, line: VolumeLine) -> VolumePage:
        """Show the page of one volume."""
        page = VolumePage(self.context.at(line), line)
        self.context.places.show_page(page)
        return page

    def _open_user(self, found: Row, _: int, number: int) -> None:
        show_container(self.context.at(found.record), found.record.users[number])

    def _remove(self, lines: list[VolumeLine]) -> None:
        names = [line.volume.name for line in lines]
        what = f"“{names[0]}”" if len(names) == 1 else f"{len(names)} volumes"

        async def call(engine: EngineClient, key: str) -> None:
            await engine.volumes.remove(key)

        question = Question(
            self,
            f"Remove {what}?",
            "Its data will be lost." if len(names) == 1 else "Their data will be lost.",
            "Remove",
            names=names if len(names) > 1 else None,
        )

        def agreed(_: bool) -> None:
            for one, mine in self.context.split(lines):
                subjects = [(line.volume.name, line.volume.name) for line in mine]
                one.each(subjects, call, "{} could not be removed")

        question.then(agreed)

    def prune(self) -> None:
        """Ask, naming the volumes to remove and the space that frees."""
        session, target = self.context.session, self.target

        def ask(df: dict[str, Any]) -> None:
            idle = [item for item in df.get("Volumes") or () if not (item.get("UsageData") or {}).get("RefCount")]
            if not idle:
                self.context.banners.show_message("info", "Nothing to prune: all volumes are in use")
                return
            Question(
                self,
                "Prune volumes?",
                "No container uses these volumes. Their data will be lost, which frees"
                f" {size(volume_bytes(idle))}.",
                "Prune",
                names=[f"{item['Name']}   {size(volume_bytes([item]))}" for item in idle],
            ).then(agreed)

        def agreed(_: bool) -> None:
            session.bridge.call(
                target.engine.volumes.prune(all=True),
                lambda gone: self.context.banners.show_message("done", f"Freed {size(gone.reclaimed)}"),
                self.context.banners.error,
                owner=self,
            )

        session.bridge.call(target.engine.df("volume"), ask, self.context.banners.error, owner=self)
