"""What every page is given: the session, the lists, and the window's ways of telling and going somewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from PySide6.QtWidgets import QWidget

from desktop.ui.bulk import Call, Outcome, Subject, run_for_each, summarize
from desktop.ui.models.collections import Collections
from desktop.ui.session import Session
from desktop.ui.widgets.banner import Banners


class Places(Protocol):
    """The window, as pages see it."""

    banners: Banners

    def show_place(self, name: str, subject: str = "") -> None:
        """Go to a page: ``home``, ``containers``, …, and to a subject of it."""

    def show_page(self, page: QWidget) -> None:
        """Show a page of one object above the others."""


@runtime_checkable
class Subjects(Protocol):
    """A page, as whoever goes to one of its subjects sees it."""

    def show_subject(self, subject: str) -> None:
        """Ask what Docker's ``run``, ``pull`` or ``prune`` needs to know, or show a tab."""


@dataclass(frozen=True)
class Context:
    """See the module."""

    session: Session
    lists: Collections
    places: Places

    @property
    def banners(self) -> Banners:
        """Where messages go."""
        return self.places.banners

    def each(self, subjects: Sequence[Subject], call: Call, failure: str) -> None:
        """Run the same operation on several objects in parallel, and report the failures in one message.

        :param failure: what could not be done, with ``{}`` for the name or the number.
        """

        def report(outcomes: list[Outcome]) -> None:
            message = summarize(outcomes, failure)
            if message is not None:
                self.banners.tell("error", *message)

        work = run_for_each(self.session.engine, subjects, call)
        self.session.bridge.call(work, report, self.banners.error, owner=self.session)
