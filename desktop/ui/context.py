"""What every page is given: the session, the lists, and the window's ways of telling and going somewhere."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from PySide6.QtWidgets import QWidget

from desktop.ui.models.collections import Collections
from desktop.ui.session import Session
from desktop.ui.widgets.banner import Banners
from engine.client import EngineClient
from vm.errors import UserError

Call = Callable[[EngineClient, str], Coroutine[Any, Any, Any]]


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

    def each(self, subjects: Sequence[tuple[str, str]], call: Call, failure: str) -> None:
        """Do the same to several objects, at the same time; what fails is told together, the rest is done.

        :param subjects: ID and name of each.
        :param failure: what could not be done, with ``{}`` for the name or the number.
        """

        async def one(key: str) -> UserError | None:
            try:
                await call(self.session.engine, key)
            except UserError as error:
                return error
            return None

        async def everything() -> list[tuple[str, UserError]]:
            errors = [await one(key) for key, _ in subjects]
            return [(name, error) for (_, name), error in zip(subjects, errors, strict=True) if error is not None]

        def told(failed: list[tuple[str, UserError]]) -> None:
            if len(failed) == 1:
                name, error = failed[0]
                self.banners.tell("error", failure.format(name), error.message, error.detail)
            elif failed:
                detail = "\n".join(f"{name}: {error.message}" for name, error in failed)
                self.banners.tell(
                    "error", failure.format(f"{len(failed)} of {len(subjects)}"), failed[0][1].message, detail
                )

        self.session.bridge.call(everything(), told, self.banners.error, owner=self.session)
