"""Nodes of a swarm: role, availability and status; drain and activate."""

from __future__ import annotations

from functools import partial

from desktop.ui.context import Context
from desktop.ui.models import swarm as model
from desktop.ui.swarm import Swarm
from desktop.ui.widgets.dialogs import Question
from desktop.ui.widgets.listpage import ListPage, Operation
from engine.client import EngineClient
from engine.client.models import Node


class NodesPage(ListPage):
    """The page with the list of nodes."""

    def __init__(self, context: Context) -> None:
        super().__init__(context, "Nodes", "nodes", model.NODE_COLUMNS)
        self.table.delegate.dots[0] = lambda item: model.NODE_STATES.get(item.state, "")
        self.table.delegate.quiet.update((1, 4, 5))
        self.table.records.search_in(lambda item: f"{item.name} {item.role} {item.address}")
        self.add_operations(
            Operation(
                "drain", "Drain…", "pause", self._drain, lambda item: item.availability != model.DRAINED, row=True
            ),
            Operation(
                "activate",
                "Activate",
                "play",
                partial(self._set, model.ACTIVE),
                lambda item: item.availability != model.ACTIVE,
                row=True,
            ),
        )
        self.explain_empty("No nodes", "The engine manages no swarm.")
        self.swarm = Swarm(context.view, self)
        self.swarm.nodes.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the current list."""
        found = self.swarm.nodes
        self.show_rows(model.node_rows(found.items), found.known)

    def _drain(self, found: list[Node]) -> None:
        names = [item.name for item in found]
        what = f"“{names[0]}”" if len(names) == 1 else f"{len(names)} nodes"
        Question(
            self,
            f"Drain {what}?",
            "Tasks of services end there and move to other nodes; with no other node they wait.",
            "Drain",
            names=names if len(names) > 1 else None,
        ).then(lambda _: self._set(model.DRAINED, found))

    def _set(self, availability: str, found: list[Node]) -> None:
        async def call(engine: EngineClient, key: str) -> None:
            await engine.nodes.set_availability(key, availability)

        self.context.each([(item.id, item.name) for item in found], call, "{} could not be changed", "Changing")
