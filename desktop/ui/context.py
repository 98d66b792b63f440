"""What every page is given: the session, the lists, and the window's messages and navigation."""

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
    """The window, as its pages see it."""

    banners: Banners

    def show_place(self, name: str, subject: str = "") -> None:
        """Show a page (``home``, ``containers``, …) and a subject of it."""

    def show_page(self, page: QWidget) -> None:
        """Show the page of one object in place of the current one."""


@runtime_checkable
class Subjects(Protocol):
    """A page with subjects: its tabs, or dialogs such as that of ``pull``."""

    def show_subject(self, subject: str) -> None:
        """Show a tab, or open the dialog for Docker's ``run``, ``pull`` or ``prune``."""


@dataclass(frozen=True)
class Context:
    """The dependencies of a page."""

    session: Session
    lists: Collections
    places: Places

    @property
    def banners(self) -> Banners:
        """The place for messages."""
        return self.places.banners

    def each(self, subjects: Sequence[Subject], call: Call, failure: str) -> None:
        """Run the same operation on several objects in parallel, and report the failures in one message.

        :param failure: what could not be done, with ``{}`` for the name or the number.
        """

        def report(outcomes: list[Outcome]) -> None:
            message = summarize(outcomes, failure)
            if message is not None:
                self.banners.show_message("error", *message)

        work = run_for_each(self.session.engine, subjects, call)
        self.session.bridge.call(work, report, self.banners.error, owner=self.session)
