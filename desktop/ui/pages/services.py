"""Services of a swarm: list, scale, update, remove."""

from __future__ import annotations

from PySide6.QtWidgets import QSpinBox

from desktop.ui.context import Context
from desktop.ui.models import swarm as model
from desktop.ui.pages.service import ServicePage
from desktop.ui.swarm import Swarm
from desktop.ui.widgets.dialogs import Form, Question
from desktop.ui.widgets.listpage import ListPage, Operation
from engine.client import EngineClient
from engine.client.models import Service

MOST_REPLICAS = 10_000


class ServicesPage(ListPage):
    """The page with the list of services."""

    def __init__(self, context: Context) -> None:
        super().__init__(context, "Services", "services", model.SERVICE_COLUMNS)
        self.table.delegate.dots[0] = model.health
        self.table.delegate.quiet.update((1, 3, 4))
        self.table.records.search_in(lambda item: f"{item.name} {item.image}")
        self.table.opened.connect(lambda found: self.open(found.record))
        self.add_operations(
            Operation(
                "details", "Open details", "inspect", lambda found: self.open(found[0]), single=True, row=True
            ),
            Operation(
                "scale", "Scale…", "stats", self._scale, lambda item: item.mode == model.REPLICATED, single=True
            ),
            Operation("image", "Change the image…", "images", self._change_image, single=True),
            Operation("remove", "Remove…", "remove", self._remove, shortcut="Del", row=True),
        )
        self.explain_empty("No services yet", "Create one in a terminal: docker service create")
        self.swarm = Swarm(context.view, self)
        self.swarm.services.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the current list."""
        found = self.swarm.services
        self.show_rows(model.service_rows(found.items), found.known)

    def open(self, service: Service) -> ServicePage:
        """Show the page of one service."""
        page = ServicePage(self.context, service)
        self.context.places.show_page(page)
        return page

    def _scale(self, found: list[Service]) -> None:
        service = found[0]
        form = Form(self, f"Scale “{service.name}”", "Scale")
        count = QSpinBox(minimum=0, maximum=MOST_REPLICAS, value=service.desired)
        count.setButtonSymbols(QSpinBox.ButtonSymbols.NoButtons)
        form.add("Replicas", count)

        def accepted() -> None:
            wanted = count.value()

            async def call(engine: EngineClient, key: str) -> None:
                await engine.services.scale(key, wanted)

            self.context.each([(service.id, service.name)], call, "{} could not be scaled", "Scaling")

        form.accepted.connect(accepted)
        form.open()

    def _change_image(self, found: list[Service]) -> None:
        service = found[0]
        form = Form(
            self,
            f"Change the image of “{service.name}”",
            "Change",
            "The swarm replaces the tasks as the service's update settings say.",
        )
        image = form.field("Image", value=service.image, check=lambda text: "" if text else "Enter an image.")

        def accepted() -> None:
            wanted = image.text().strip()

            async def call(engine: EngineClient, key: str) -> None:
                await engine.services.update_image(key, wanted)

            self.context.each([(service.id, service.name)], call, "{} could not be changed", "Changing")

        form.accepted.connect(accepted)
        form.open()

    def _remove(self, found: list[Service]) -> None:
        names = [item.name for item in found]
        what = f"“{names[0]}”" if len(names) == 1 else f"{len(names)} services"

        async def call(engine: EngineClient, key: str) -> None:
            await engine.services.remove(key)

        Question(
            self,
            f"Remove {what}?",
            "All its tasks end." if len(names) == 1 else "All their tasks end.",
            "Remove",
            names=names if len(names) > 1 else None,
        ).then(
            lambda _: self.context.each(
                [(item.id, item.name) for item in found], call, "{} could not be removed", "Removing"
            )
        )
