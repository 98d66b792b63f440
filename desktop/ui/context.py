"""What every page is given: the session, the lists, and the window's messages and navigation."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar, runtime_checkable

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from desktop.control.client import ControlClient
from desktop.control.schema import Note
from desktop.ui.activities import Job, Order
from desktop.ui.bulk import Call, Outcome, Subject, run_for_all, titled
from desktop.ui.engine_connection import EngineConnection
from desktop.ui.engine_view import EngineView
from desktop.ui.models.activity import Kind
from desktop.ui.models.collections import Collections
from desktop.ui.models.logs.looks import Kept
from desktop.ui.models.origin import Origin
from desktop.ui.session import Session
from desktop.ui.widgets.banner import Banners
from desktop.ui.widgets.drawer import Drawer
from engine.client import EngineClient


class Places(Protocol):
    """The window, as its pages see it."""

    banners: Banners
    drawer: Drawer
    logs: Kept

    def show_place(self, name: str, subject: str = "") -> None:
        """Show a page (``home``, ``containers``, …) and a subject of it."""

    def page(self, name: str) -> QWidget:
        """The page of a place, made if need be."""

    def show_page(self, page: QWidget) -> None:
        """Show the page of one object in place of the current one."""


@runtime_checkable
class Subjects(Protocol):
    """A page with subjects: its tabs, or dialogs such as that of ``pull``."""

    def show_subject(self, subject: str) -> None:
        """Show a tab, or open the dialog for Docker's ``run``, ``pull`` or ``prune``."""


@runtime_checkable
class Sided(Protocol):
    """A page with a panel beside its list."""

    def close_side(self) -> None:
        """Close it, if it is shown."""


class Placed(Protocol):
    """An object of one engine."""

    @property
    def origin(self) -> Origin:
        """Which engine's."""


R = TypeVar("R", bound=Placed)


@dataclass(frozen=True)
class Context:
    """The dependencies of a page about objects of one engine.

    :ivar beside: those for the engine that is shown as well; None in that one's.
    """

    session: Session
    view: EngineView
    lists: Collections
    places: Places
    beside: Context | None = None

    @property
    def engine(self) -> EngineClient:
        """The engine's Docker API."""
        return self.view.engine

    @property
    def connection(self) -> EngineConnection:
        """The connection to it."""
        return self.view.connection

    @property
    def both(self) -> tuple[Context, ...]:
        """This one, and that of the engine beside."""
        return (self,) if self.beside is None else (self, self.beside)

    def at(self, record: Placed) -> Context:
        """The one for the engine that an object belongs to."""
        return next((one for one in self.both if one.view.origin == record.origin), self)

    def split(self, records: Iterable[R]) -> list[tuple[Context, list[R]]]:
        """Objects by the engines that they belong to."""
        found: dict[Context, list[R]] = {}
        for record in records:
            found.setdefault(self.at(record), []).append(record)
        return list(found.items())

    @property
    def where(self) -> str:
        """Words for a dialog that acts on this engine; empty where there is no doubt."""
        return f"In the engine for {self.view.origin.title}" if self.session.several else ""

    @property
    def banners(self) -> Banners:
        """The place for messages."""
        return self.places.banners

    def note(
        self,
        call: Callable[[ControlClient], Coroutine[Any, Any, Note]],
        done: Callable[[], object] | None = None,
        *,
        owner: QObject,
    ) -> None:
        """Make a call of the control API, and show the words it is answered with."""

        def tell(note: Note) -> None:
            self.banners.show_message("done", note.text)
            if done is not None:
                done()

        self.session.control(call, tell, self.banners.error, owner=owner)

    @property
    def engine_words(self) -> str:
        """Which engine it is, to be read later."""
        return " · ".join(filter(None, (self.connection.title, self.view.origin.title)))

    def each(self, subjects: Sequence[Subject], call: Call[EngineClient], failure: str, doing: str) -> Job:
        """Run the same operation on several objects in parallel, and report the failures in one message.

        :param failure: what could not be done, with ``{}`` for the name or the number.
        :param doing: what the activity is called, and what the rows of containers say meanwhile: ``Stopping``.
        """
        engine, busy, containers = self.engine, self.lists.busy, self.lists.containers

        def hook(job: Job) -> None:
            pending = {key for key, _ in subjects}
            busy.begin(pending, doing)

            def end(keys: Iterable[str]) -> None:
                for key in keys:
                    busy.end(key, doing)
                containers.refresh()

            def take(outcomes: list[Outcome]) -> None:
                pending.difference_update(outcome.key for outcome in outcomes)
                end(outcome.key for outcome in outcomes)

            job.changed.connect(take)
            job.failed.connect(lambda _: end(pending))

        steps = partial(run_for_all, engine, subjects, call, failure)
        order = Order(Kind.CHANGE, titled(doing, subjects), steps, engine=self.engine_words, hook=hook)
        return self.session.activities.begin(order)
