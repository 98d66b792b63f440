"""What the palette offers: objects of the engines, what can be done with them, commands, pages and settings."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Protocol, runtime_checkable

from PySide6.QtWidgets import QWidget

from desktop.control.schema import EngineState, RunState
from desktop.settings.schema import Settings, fields
from desktop.ui.session import Session
from desktop.ui.widgets.listpage import ListPage
from desktop.ui.words import mark, tr

OBJECTS = (
    ("containers", mark("Container")),
    ("images", mark("Image")),
    ("volumes", mark("Volume")),
    ("networks", mark("Network")),
)
"""Page → what one of its objects is called."""

COMMANDS = (
    ("home", "about", mark("About this machine")),
    ("home", "disk", mark("Disk use: show what takes space")),
    ("containers", "run", mark("Run a container…")),
    ("images", "pull", mark("Pull an image…")),
    ("images", "build", mark("Build an image…")),
    ("images", "search", mark("Search Docker Hub…")),
    ("volumes", "create", mark("Create a volume…")),
    ("volumes", "import", mark("Import a volume…")),
    ("volumes", "removed", mark("Removed volumes…")),
    ("networks", "create", mark("Create a network…")),
    ("containers", "prune", mark("Prune containers…")),
    ("images", "prune", mark("Prune images…")),
    ("volumes", "prune", mark("Prune volumes…")),
    ("networks", "prune", mark("Prune networks…")),
)
"""Page, its command, and what it is called."""

TABS = (
    ("workloads", mark("Workloads")),
    ("pods", mark("Pods")),
    ("services", mark("Services")),
    ("config", mark("Config")),
    ("storage", mark("Storage")),
    ("events", mark("Events")),
)
"""Of the page of Kubernetes."""

Run = Callable[[], object]


@dataclass(frozen=True)
class Choice:
    """One thing to choose.

    :ivar kind: what it is, in a word.    :ivar detail: what tells it from others of its name.
    :ivar run: what Return does.    :ivar actions: what else can be done, each with its words.
    """

    kind: str
    title: str
    detail: str
    run: Run
    actions: Callable[[], list[tuple[str, Run]]] = list


@runtime_checkable
class Findable(Protocol):
    """A page that offers more than a list."""

    def choices(self) -> list[Choice]:
        """What can be found on it now."""


class Shown(Protocol):
    """The window, as far as the palette leads to it. :ivar pages: those that have been made."""

    session: Session
    pages: dict[str, QWidget]

    def page(self, name: str) -> QWidget:
        """The page of a place, made if need be."""

    def show_place(self, name: str, subject: str = "") -> None:
        """Show a place, and a subject of its page."""

    def places(self) -> list[tuple[str, str]]:
        """Those that are offered: key and title."""

    def choose_engine(self) -> object:
        """Open the choice of the engine."""

    def switch(self, engine: EngineState) -> None:
        """Switch to another engine of Slipway's own."""

    def show_shortcuts(self) -> object:
        """Show the keyboard shortcuts."""

    def show_activity(self) -> object:
        """Show what runs, and what came of it."""


def gather(window: Shown) -> list[Choice]:
    """All choices but the settings; those of one score stay in this order."""
    return [*_objects(window), *_cluster(window), *_commands(window), *_places(window), *_engine(window)]


def settings(window: Shown, offered: Collection[str]) -> list[Choice]:
    """The settings that this computer has, by their names."""
    return [
        Choice(
            tr("Setting"),
            tr(one.title),
            tr(one.section.title),
            partial(window.show_place, "settings", one.section.area),
        )
        for one in fields(Settings)
        if one.name in offered
    ]


def _objects(window: Shown) -> Iterator[Choice]:
    for name, kind in OBJECTS:
        page = window.page(name)
        assert isinstance(page, ListPage)
        for record in page.every():
            title, detail = page.told(record)
            yield Choice(
                tr(kind), title, detail, partial(_open, window, name, record), partial(page.offered, record)
            )


def _cluster(window: Shown) -> Iterator[Choice]:
    for tab, title in TABS:
        yield Choice(tr("Page"), f"Kubernetes: {tr(title)}", "", partial(window.show_place, "kubernetes", tab))
    page = window.pages.get("kubernetes")
    if isinstance(page, Findable):
        yield from page.choices()


def _open(window: Shown, name: str, record: object) -> None:
    window.show_place(name)
    page = window.page(name)
    assert isinstance(page, ListPage)
    page.lead_to(record)


def _commands(window: Shown) -> Iterator[Choice]:
    for name, command, title in COMMANDS:
        yield Choice(tr("Command"), tr(title), "", partial(window.show_place, name, command))
    yield Choice(tr("Command"), tr("Choose an engine…"), "", window.choose_engine)
    yield Choice(tr("Command"), tr("Show the activity"), "", window.show_activity)
    yield Choice(tr("Command"), tr("Show the keyboard shortcuts"), "", window.show_shortcuts)


def _places(window: Shown) -> Iterator[Choice]:
    for key, title in window.places():
        yield Choice(tr("Page"), title, "", partial(window.show_place, key))


def _engine(window: Shown) -> Iterator[Choice]:
    session = window.session
    status = session.status
    if status is None:
        return
    if status.state in (RunState.STOPPED, RunState.FAILED):
        yield Choice(tr("Command"), tr("Start the engine"), "", session.start)
    elif status.state is RunState.RUNNING:
        yield Choice(tr("Command"), tr("Stop the engine"), "", session.stop)
        yield Choice(tr("Command"), tr("Restart the engine"), "", session.restart)
    for engine in status.engines:
        if not engine.in_use and not engine.obstacle:
            yield Choice(
                tr("Command"), tr("Switch to {title}…", title=engine.title), "", partial(window.switch, engine)
            )
