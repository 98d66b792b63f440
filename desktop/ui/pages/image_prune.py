"""The question before images are pruned: which images would be removed, and how much space that really frees."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtWidgets import QVBoxLayout, QWidget

from desktop.ui.context import Context
from desktop.ui.image_details import DetailsLoader, read_details
from desktop.ui.models.format import counted, short_id, size
from desktop.ui.models.images import Line
from desktop.ui.models.layers import Chain, Step, freed_bytes, steps
from desktop.ui.models.records import Column, Row
from desktop.ui.widgets.basics import label
from desktop.ui.widgets.dialogs import Question
from desktop.ui.widgets.table import Table
from engine.client import EngineClient
from engine.client.errors import NotFound
from vm.errors import UserError

AT_ONCE = 4
SUM_HEIGHT = 36

COLUMNS = (
    Column("Image", lambda line: short_id(line.image.id) if line.dangling else line.reference, width=0),
    Column("Size", lambda line: size(line.image.size), lambda line: line.image.size, width=90, right=True),
)


@dataclass(frozen=True)
class Plan:
    """Bytes that pruning frees: the dangling images, or all unused images.

    :ivar cached: there is a build cache; layers that it also has stay until it is pruned.
    """

    dangling: int
    idle: int
    cached: bool


class PruneDialog(Question):
    """The question, with the list of images to remove."""

    def __init__(self, parent: QWidget, context: Context, lines: Sequence[Line], details: DetailsLoader) -> None:
        self._idle = [line for line in lines if not line.users]
        self._dangling = [line for line in self._idle if line.dangling]
        tagged = len(self._idle) - len(self._dangling)
        super().__init__(
            parent,
            "Prune images?",
            "Removes images without a name. Images that a container uses are kept, even if it is not running.",
            "Prune",
            option="Also remove the named image that no container uses"
            if tagged == 1
            else f"Also remove the {tagged} named images that no container uses",
        )
        self.option.setEnabled(tagged > 0)
        self.resize(560, 440)
        self.table = Table(COLUMNS, "Images to remove")
        self.sum = label("", wrap=True)
        self.sum.setMinimumHeight(SUM_HEIGHT)  # two lines, so that nothing moves when the number arrives
        self.sum.setAccessibleName("Space that is freed")
        outer = self.layout()
        assert isinstance(outer, QVBoxLayout)
        place = outer.indexOf(self.option)
        outer.insertWidget(place, self.table, 1)
        outer.insertWidget(place + 2, self.sum)
        self._plan: Plan | None = None
        self._trouble = ""
        self.option.toggled.connect(self._show)
        context.session.bridge.call(
            make_plan(context.engine, lines, details), self._planned, self._failed, owner=self
        )
        self._show()

    def _planned(self, plan: Plan) -> None:
        self._plan = plan
        self._show()

    def _failed(self, error: UserError) -> None:
        self._trouble = f"Could not compute the space that is freed: {error.message}"
        self._show()

    def _show(self) -> None:
        everything = self.option.isChecked()
        going = self._idle if everything else self._dangling
        self.table.records.update_rows([Row(line.image.id, line) for line in going])
        self.verb.setEnabled(bool(going))
        number = counted(len(going), "image")
        if not going:
            self.sum.setText("All images have a name.")
        elif self._plan is not None:
            freed = size(self._plan.idle if everything else self._plan.dangling)
            held = ". Layers in the build cache stay until it is pruned" if self._plan.cached else ""
            self.sum.setText(f"Removes {number} and frees {'up to ' if held else ''}{freed}{held}.")
        else:
            self.sum.setText(self._trouble or f"Removes {number}. Computing the space that is freed …")


async def make_plan(engine: EngineClient, lines: Sequence[Line], details: DetailsLoader) -> Plan:
    """Compute the space that pruning frees.

    :param lines: all images.    :raise EngineError: the engine went away.
    """
    everything = [line.image.id for line in lines]
    idle = {line.image.id for line in lines if not line.users}
    dangling = {line.image.id for line in lines if line.dangling and not line.users}
    chains: dict[str, Chain] = {key: item.layers for key, item in dict(details.known).items()}
    missing = [key for key in everything if key not in chains]
    async for key, item in read_details(engine, missing):
        chains[key] = item.layers
    made = await _histories(engine, idle, chains.__getitem__)

    def count(gone: set[str]) -> int:
        return freed_bytes(
            {key: made[key] for key in gone}, chains, [key for key in everything if key not in gone]
        )

    cache = (await engine.df("build-cache")).get("BuildCache")
    return Plan(count(dangling), count(idle), bool(cache))


async def _histories(
    engine: EngineClient, keys: set[str], layers: Callable[[str], Chain]
) -> dict[str, list[Step]]:
    left = iter(list(keys))
    found: dict[str, list[Step]] = {}

    async def ask() -> None:
        for key in left:
            try:
                found[key] = steps(await engine.images.history(key), layers(key))
            except NotFound:  # removed in the meantime
                found[key] = []

    await asyncio.gather(*(ask() for _ in range(AT_ONCE)))
    return found
