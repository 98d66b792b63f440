"""The engines that can be chosen: Slipway's own and the user's Docker contexts; the window remembers one."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, replace
from functools import partial

from PySide6.QtCore import QObject, QSettings, Signal

from desktop.control.schema import EngineState
from desktop.ui.models.states import TITLES
from desktop.ui.session import Session
from desktop.ui.words import mark, tr
from engine.remote.connect import answers
from engine.remote.endpoints import Endpoint, Kind, read_endpoints
from vm.errors import UserError

OWN = "slipway"
CHOSEN = "engine"
"""The key in the window's file."""

TRIED_WHEN_CHOSEN = mark("Tried when you choose it")


@dataclass(frozen=True)
class Entry:
    """One engine.

    :ivar state: how it is, in a few words.    :ivar reason: why it cannot be chosen; otherwise empty.
    :ivar switch: the engine of Slipway's own that has to be switched to for it; None for all others.
    """

    key: str
    title: str
    kind: str
    address: str
    state: str
    endpoint: Endpoint | None = None
    reason: str = ""
    switch: EngineState | None = None


class Engines(QObject):
    """The list, read when it is asked for; a second engine of Slipway's own is one more entry at its top."""

    changed = Signal()

    def __init__(self, session: Session, memory: QSettings) -> None:
        super().__init__(session)
        self._session, self._memory = session, memory
        self._reports: dict[str, str] = {}
        self.entries: list[Entry] = self._own()
        session.status_changed.connect(self._refresh_own)

    def refresh(self) -> None:
        """Read the contexts again, and try those that can be tried without logging in."""
        self._session.bridge.call(self._read(), self._take, self._unreadable, owner=self)

    def restore(self) -> None:
        """Choose what was chosen last. What does not answer delays nothing: it is connected to in the
        background.
        """
        wanted = str(self._memory.value(CHOSEN) or OWN)

        def found(endpoints: list[Endpoint]) -> None:
            self._take(endpoints)
            entry = next((entry for entry in self.entries if entry.key == wanted), None)
            if entry is not None and not entry.reason and self._session.chosen is self._session.own:
                self._session.choose(entry.endpoint)

        if wanted != OWN:
            self._session.bridge.call(self._read(), found, self._unreadable, owner=self)

    def choose(self, entry: Entry) -> None:
        """Have the window follow an engine, and remember it.

        :raise UserError: it cannot be used.
        """
        self._session.choose(entry.endpoint)
        self._memory.setValue(CHOSEN, entry.key)

    async def _read(self) -> list[Endpoint]:
        own = [self._session.paths.docker_host]
        return await asyncio.to_thread(read_endpoints, dict(os.environ), own)

    def _take(self, endpoints: list[Endpoint]) -> None:
        self.entries = [*self._own(), *map(self._entry, endpoints)]
        self.changed.emit()
        for entry in self.entries:
            if not entry.reason and entry.endpoint is not None and entry.endpoint.kind is not Kind.SSH:
                self._session.bridge.call(
                    answers(entry.endpoint),
                    partial(self._report, entry.key),
                    owner=self,
                )

    def _unreadable(self, error: UserError) -> None:
        self.entries = [*self._own(), Entry("", tr("Docker contexts"), "", "", error.message, reason=error.hint)]
        self.changed.emit()

    def _report(self, key: str, alive: bool) -> None:
        state = tr("Answers") if alive else tr("Does not answer")
        self.entries = [replace(item, state=state) if item.key == key else item for item in self.entries]
        self.changed.emit()

    def _refresh_own(self) -> None:
        own = self._own()
        others = [entry for entry in self.entries if not entry.key.startswith(OWN)]
        if [*own, *others] != self.entries:
            self.entries = [*own, *others]
            self.changed.emit()

    def _own(self) -> list[Entry]:
        """The engine in use first; another one of this computer has to be switched to."""
        status = self._session.status
        engines = sorted(status.engines if status is not None else (), key=lambda one: not one.in_use)
        made = []
        for one in engines:
            key = OWN if one.in_use else f"{OWN}:{one.name}"
            address = self._session.paths.docker_host if one.in_use else ""
            reason = (
                f"{one.obstacle[:1].upper()}{one.obstacle[1:]}. {one.hint}".rstrip(". ") if one.obstacle else ""
            )
            state = tr("Not available") if one.obstacle else tr(TITLES[one.state])
            switch = None if one.in_use else one
            made.append(Entry(key, tr("This computer"), one.title, address, state, reason=reason, switch=switch))
        return made or [
            Entry(OWN, tr("This computer"), "Slipway", self._session.paths.docker_host, tr("Not running"))
        ]

    def _entry(self, endpoint: Endpoint) -> Entry:
        state = tr("Cannot be used") if endpoint.problem else "…"
        if not endpoint.problem and endpoint.kind is Kind.SSH:
            state = tr(TRIED_WHEN_CHOSEN)
        return Entry(
            f"context:{endpoint.name}",
            endpoint.name,
            endpoint.kind.value,
            endpoint.address,
            state,
            endpoint,
            endpoint.problem,
        )
