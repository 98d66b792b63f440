"""One image: its layers with size and instruction and who shares them, its configuration, its platforms."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from PySide6.QtWidgets import QVBoxLayout, QWidget

from desktop.ui.context import Context
from desktop.ui.models.format import age, short_id, size
from desktop.ui.models.records import Column, Row
from desktop.ui.pages.detail import DetailPage
from desktop.ui.theme import GAP
from desktop.ui.widgets.basics import label
from desktop.ui.widgets.jsontree import JsonView
from desktop.ui.widgets.table import Table
from engine.client import EngineClient
from engine.client.errors import ApiError
from engine.client.models import Image, Layer


@dataclass(frozen=True)
class Step:
    """One instruction. :ivar sharers: names of other images with the same layer."""

    number: int
    layer: Layer
    sharers: tuple[str, ...]


COLUMNS = (
    Column("#", lambda item: f"{item.number}", lambda item: item.number, width=52, right=True),
    Column("Instruction", lambda item: instruction(item.layer.created_by), width=0),
    Column("Size", lambda item: size(item.layer.size), lambda item: item.layer.size, width=90, right=True),
    Column("Shared with", lambda item: ", ".join(item.sharers), width=220),
    Column("Created", lambda item: age(item.layer.created), lambda item: -item.layer.created, width=120),
)


def instruction(text: str) -> str:
    """The Dockerfile's line, without the shell that ran it."""
    text = text.replace("/bin/sh -c #(nop)", "").replace("# buildkit", "").strip()
    return text.replace("/bin/sh -c ", "", 1) if text.startswith("RUN /bin/sh -c ") else text


class ImagePage(DetailPage):
    """See the module."""

    def __init__(self, context: Context, image: Image, reference: str) -> None:
        super().__init__(context, "images", "Back to the images")
        self.image = image
        self.heading.set_full(reference if not reference.startswith("sha256:") else short_id(reference))
        self.state.setText(f"{short_id(image.id)}  ·  {size(image.size)}  ·  {age(image.created)}")
        self.add_tab("layers", "Layers", lambda: LayersPanel(context, image))
        self.add_tab("config", "Configuration", lambda: ConfigPanel(context, image))
        self.add_tab("platforms", "Platforms", lambda: PlatformsPanel(context, reference))
        self.show_tab("layers")


class LayersPanel(QWidget):
    """The image's history, the newest last, beside what other local images share."""

    def __init__(self, context: Context, image: Image) -> None:
        super().__init__()
        self.note = label("", "muted", wrap=True)
        self.table = Table(COLUMNS, "Layers")
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(GAP)
        outer.addWidget(self.note)
        outer.addWidget(self.table, 1)
        others = [item for item in context.lists.images.items if item.id != image.id]
        context.session.bridge.call(
            read_layers(context.session.engine, image, others),
            self._show,
            lambda error: self.note.setText(error.message),
            owner=self,
        )

    def _show(self, steps: list[Step]) -> None:
        self.table.records.update_rows([Row(f"{step.number}", step) for step in steps])
        real = [step for step in steps if step.layer.size]
        shared = sum(step.layer.size for step in real if step.sharers)
        self.note.setText(
            f"{len(steps)} instructions, {len(real)} with contents; {size(shared)} shared with others"
        )


class ConfigPanel(JsonView):
    """What the engine tells of the image."""

    def __init__(self, context: Context, image: Image) -> None:
        super().__init__("The image's configuration")
        engine = context.session.engine
        context.session.bridge.call(engine.images.inspect(image.id), self.show_value, owner=self)


class PlatformsPanel(JsonView):
    """The platforms its registry has it for."""

    def __init__(self, context: Context, reference: str) -> None:
        super().__init__("Platforms")
        context.session.bridge.call(read_platforms(context.session.engine, reference), self.show_value, owner=self)


async def read_layers(engine: EngineClient, image: Image, others: list[Image]) -> list[Step]:
    """The steps of an image, each with the other images that have its layer.

    A layer's identity is its place in the chain: two images share a layer when they begin with the same ones.
    """
    history = list(reversed(await engine.images.history(image.id)))
    own = await _chain(engine, image.id)
    known = await asyncio.gather(*(_chain(engine, item.id) for item in others[:200]))
    names = [item.tags[0] if item.tags else short_id(item.id) for item in others]
    steps, depth = [], 0
    for number, layer in enumerate(history, 1):
        sharers: tuple[str, ...] = ()
        if layer.size > 0 and depth < len(own):
            depth += 1
            sharers = tuple(
                name for name, chain in zip(names, known, strict=False) if chain[:depth] == own[:depth]
            )
        steps.append(Step(number, layer, sharers))
    return steps


async def _chain(engine: EngineClient, key: str) -> list[str]:
    try:
        return list((await engine.images.inspect(key)).get("RootFS", {}).get("Layers") or ())
    except ApiError:  # removed meanwhile
        return []


async def read_platforms(engine: EngineClient, reference: str) -> Any:
    """Of the image here and, where the engine keeps it, of its manifest list."""
    about = await engine.images.inspect(reference)
    here = {
        "here": f"{about.get('Os')}/{about.get('Architecture')}"
        + (f"/{about['Variant']}" if about.get("Variant") else "")
    }
    try:
        listed = await engine.images.distribution(reference)
    except ApiError as error:
        return {**here, "in its registry": error.message}
    platforms = listed.get("Platforms") or ()
    return {
        **here,
        "in its registry": [
            "/".join(filter(None, (item.get("os"), item.get("architecture"), item.get("variant"))))
            for item in platforms
        ],
    }
