"""One image: overview, layers and the images that share them, configuration, and platforms in its registry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFormLayout, QScrollArea, QVBoxLayout, QWidget

from desktop.ui.context import Context
from desktop.ui.image_details import DetailsLoader, read_details
from desktop.ui.models.format import age, counted, short_id, size
from desktop.ui.models.images import ImageDetails, Line
from desktop.ui.models.layers import Chain, Step, instruction, steps
from desktop.ui.models.records import Column, Row
from desktop.ui.pages.detail import DetailPage
from desktop.ui.theme import GAP, PAD
from desktop.ui.widgets.basics import card, label, tool
from desktop.ui.widgets.jsontree import JsonView
from desktop.ui.widgets.table import Table
from engine.client import EngineClient
from engine.client.models import Image
from vm.errors import UserError

COLUMNS = (
    Column("#", lambda item: f"{item.number}", lambda item: item.number, width=48, right=True),
    Column("Instruction", lambda item: instruction(item.layer.created_by), width=0),
    Column("Size", lambda item: size(item.layer.size), lambda item: item.layer.size, width=84, right=True),
    Column("Shared with", lambda item: ", ".join(item.sharers), width=220),
    Column("Created", lambda item: age(item.layer.created), lambda item: -item.layer.created, width=132),
)

PLATFORM_COLUMNS = (
    Column("Platform", lambda item: item[0], width=220),
    Column("On your computer", lambda item: "yes" if item[1] else "", width=0),
)


class ImagePage(DetailPage):
    """The page of one image."""

    def __init__(self, context: Context, line: Line, details: DetailsLoader) -> None:
        super().__init__(context, "images", "Back to images")
        self.line = line
        image = line.image
        self.heading.set_full(short_id(line.reference) if line.dangling else line.reference)
        self.state.set_full(f"{short_id(image.id)}  ·  {size(image.size)}  ·  {age(image.created)}")
        self.add_tab("overview", "Overview", lambda: OverviewPanel(context, line))
        self.add_tab("layers", "Layers", lambda: LayersPanel(context, image, details))
        self.add_tab("config", "Configuration", lambda: ConfigPanel(context, image))
        self.add_tab("platforms", "Platforms", lambda: PlatformsPanel(context, line))
        self.show_tab("layers")

    def offer(self, text: str, picture: str, run: Callable[[], object]) -> None:
        """Add an operation to the head of the page."""
        self.actions_row.addWidget(tool(picture, text, run, framed=True))


class OverviewPanel(QScrollArea):
    """Names, identity, and how containers of the image run."""

    def __init__(self, context: Context, line: Line) -> None:
        super().__init__(widgetResizable=True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.form = QFormLayout()
        self.form.setHorizontalSpacing(2 * PAD)
        self.form.setVerticalSpacing(GAP)
        holder = QWidget()
        outer = QVBoxLayout(holder)
        outer.setContentsMargins(0, 0, GAP, 0)
        outer.addWidget(card(self.form))
        outer.addStretch(1)
        self.setWidget(holder)
        context.session.bridge.call(
            context.engine.images.inspect(line.image.id),
            lambda values: self._show(described(line, values)),
            lambda error: self._show({"Error": error.message}),
            owner=self,
        )

    def _show(self, values: Mapping[str, str]) -> None:
        for name, text in values.items():
            shown = label(text or "–", wrap=True, select=True)
            shown.setAccessibleName(f"{name}: {text or 'none'}")
            self.form.addRow(label(name, "muted"), shown)


def described(line: Line, values: Mapping[str, Any]) -> dict[str, str]:
    """The texts of the overview, by caption; they may have several lines."""
    image, config = line.image, values.get("Config") or {}
    shared = max(0, image.shared)
    labels = config.get("Labels") or image.labels
    return {
        "Tags": "\n".join(image.tags),
        "ID": image.id,
        "Digests": "\n".join(image.digests),
        "Platform": ImageDetails.of(dict(values)).platform,
        "Created": str(values.get("Created") or ""),
        "Size": f"{size(image.size)}, of which {size(shared)} are shared with other images",
        "In use by": ", ".join(line.users),
        "Command": " ".join([*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ())]),
        "Working directory": config.get("WorkingDir") or "/",
        "User": config.get("User") or "root",
        "Ports": ", ".join(config.get("ExposedPorts") or ()),
        "Volumes": ", ".join(config.get("Volumes") or ()),
        "Environment": "\n".join(config.get("Env") or ()),
        "Labels": "\n".join(f"{name}={value}" for name, value in sorted(labels.items())),
        "Author": str(values.get("Author") or ""),
    }


class LayersPanel(QWidget):
    """The image's history, beginning with the first instruction, and the images that share each layer."""

    def __init__(self, context: Context, image: Image, details: DetailsLoader) -> None:
        super().__init__()
        self.note = label("Loading the layers …", "muted", wrap=True)
        self.table = Table(COLUMNS, "Layers")
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(GAP)
        outer.addWidget(self.note)
        outer.addWidget(self.table, 1)
        context.session.bridge.call(
            read_layers(context.engine, image, context.lists.images.items, dict(details.known)),
            self._show,
            lambda error: self.note.setText(error.message),
            owner=self,
        )

    def _show(self, found: list[Step]) -> None:
        self.table.records.update_rows([Row(f"{step.number}", step) for step in found])
        made = [step for step in found if step.chain]
        shared = sum(step.layer.size for step in made if step.sharers)
        self.note.setText(
            f"{counted(len(found), 'instruction')}, {counted(len(made), 'layer')};"
            f" {size(shared)} of {size(sum(step.layer.size for step in made))} shared with other images"
        )


class ConfigPanel(JsonView):
    """The engine's description of the image."""

    def __init__(self, context: Context, image: Image) -> None:
        super().__init__("The image's configuration")
        engine = context.engine
        context.session.bridge.call(engine.images.inspect(image.id), self.show_value, owner=self)


class PlatformsPanel(QWidget):
    """The platforms for which the registry has the image."""

    def __init__(self, context: Context, line: Line) -> None:
        super().__init__()
        self._here = ""
        self.note = label("Asking the registry …", "muted", wrap=True, select=True)
        self.table = Table(PLATFORM_COLUMNS, "Platforms")
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(GAP)
        outer.addWidget(self.note)
        outer.addWidget(self.table, 1)
        self._context = context
        self._name = line.reference if not line.dangling else next(iter(line.image.digests), "")
        context.session.bridge.call(
            context.engine.images.inspect(line.image.id), self._inspected, self._failed, owner=self
        )

    def _inspected(self, values: Mapping[str, Any]) -> None:
        """Show the local platform, then ask the registry for the others."""
        self._here = ImageDetails.of(dict(values)).platform
        self._show([])
        if not self._name:
            self.note.setText("This image has no name, so there is no registry to ask.")
            return
        session = self._context.session
        session.bridge.call(
            self._context.engine.images.distribution(self._name), self._show_answer, self._failed, owner=self
        )

    def _show_answer(self, values: Mapping[str, Any]) -> None:
        found = [platform_name(item) for item in values.get("Platforms") or ()]
        several = "list" in str((values.get("Descriptor") or {}).get("mediaType")) or "index" in str(
            (values.get("Descriptor") or {}).get("mediaType")
        )
        end = "" if several else ", without a manifest list"
        self.note.setText(f"The registry has this image for {counted(len(found), 'platform')}{end}.")
        self._show(found)

    def _failed(self, error: UserError) -> None:
        self.note.setText(f"{error.message}. {error.hint}".strip())
        self.note.setToolTip(error.detail)

    def _show(self, found: list[str]) -> None:
        names = found or ([self._here] if self._here else [])
        self.table.records.update_rows([Row(name, (name, name == self._here)) for name in dict.fromkeys(names)])


def platform_name(item: Mapping[str, str]) -> str:
    """``linux/arm64/v8``, from a platform object (OCI image index)."""
    return "/".join(filter(None, (item.get("os"), item.get("architecture"), item.get("variant"))))


async def read_layers(
    engine: EngineClient, image: Image, images: list[Image], known: dict[str, ImageDetails]
) -> list[Step]:
    """The steps of an image, each with the other images that share its layer.

    :raise EngineError: the image was removed, or the engine is not running.
    """
    async for key, item in read_details(engine, [item.id for item in images if item.id not in known]):
        known[key] = item
    own = (
        known[image.id].layers
        if image.id in known
        else ImageDetails.of(await engine.images.inspect(image.id)).layers
    )
    others: list[tuple[str, Chain]] = [
        (item.tags[0] if item.tags else short_id(item.id), known[item.id].layers)
        for item in images
        if item.id != image.id and item.id in known
    ]
    made = []
    for step in steps(await engine.images.history(image.id), own):
        depth = len(step.chain)
        sharers = tuple(name for name, chain in others if depth and chain[:depth] == step.chain)
        made.append(Step(step.number, step.layer, step.chain, sharers))
    return made
