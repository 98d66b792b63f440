"""The settings in use: read, and changed by one writer under one lock, all or none.

A change is checked as a whole first. Then its effects beyond the file are carried out in order, each with the way
back; when one fails, those before it are undone and the file is as it was. What cannot be undone comes last.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any, Protocol

from desktop.control.schema import Note, SettingsReport
from desktop.settings.changes import with_values
from desktop.settings.schema import Applies, Settings, SettingsError, applies
from desktop.settings.store import SettingsStore
from desktop.supervisor.context import Change, Configure
from desktop.system import system
from vm.host import Host
from vm.shielded import shielded

log = logging.getLogger(__name__)

NAMES = frozenset(item.name for item in dataclasses.fields(Settings))


Check = Callable[[Change], Awaitable[None]]
"""Looks at a change and changes nothing. Raises a :class:`~vm.errors.UserError` to refuse it."""


class Effect(Protocol):
    """What a change does beyond the file, such as growing the disk."""

    async def apply(self, change: Change) -> None:
        """Carry it out, if the change concerns it.

        :raise UserError: it cannot be done.
        """
        ...

    async def revert(self, change: Change) -> None:
        """Undo :meth:`apply`, also a half-done one, because this or a later step has failed."""
        ...


class LiveSettings:
    """The one :class:`~desktop.supervisor.context.CurrentSettings`.

    :ivar checks: asked in order before a change.
    :ivar effects: carried out in order after the checks, before the file is written.
    :ivar final: carried out after the file is written. It cannot be undone, so there is one at most.
    """

    def __init__(self, store: SettingsStore, host: Host) -> None:
        self._store = store
        self._host = host
        self._lock = asyncio.Lock()
        self._subscribers: list[Configure] = []
        self.checks: list[Check] = []
        self.effects: list[Effect] = []
        self.final: Check | None = None

    def get(self) -> Settings:
        """The settings as they were set; the defaults where the file cannot be understood."""
        try:
            return self._store.load()
        except SettingsError:  # reported by whatever needs them to be right: a start, `slipway settings`
            return Settings()

    def resolved(self) -> Settings:
        """The settings with this host's defaults filled in.

        :raise SettingsError: the file, or a value on this host, is not acceptable.
        """
        return self.resolve(self._store.load())

    def values(self) -> dict[str, Any]:
        """All settings by name, with this host's defaults filled in, as JSON has them.

        :raise SettingsError: the file, or a value on this host, is not acceptable.
        """
        return self.resolved().to_json()

    def resolve(self, settings: Settings) -> Settings:
        """``settings`` with this host's defaults filled in.

        :raise SettingsError: a value on this host is not acceptable.
        """
        return settings.resolved(self._host.cpu_count, self._host.memory_mib)

    def subscribe(self, configure: Configure) -> None:
        """Call ``configure`` after each change."""
        self._subscribers.append(configure)

    async def change(self, changes: Mapping[str, str]) -> Change:
        """Change some, all or none.

        :raise UserError: one is refused, with the reason; nothing has changed.
        """
        async with self._lock:
            before = self._store.load()
            change = Change(
                before, with_values(before, changes), frozenset(path.partition(".")[0] for path in changes)
            )
            self.resolve(change.after)
            for check in self.checks:
                await check(change)
            await shielded(self._commit(change))
            return change

    async def reset(self, keep: Callable[[Settings], Settings]) -> None:
        """Set everything back to its default but what ``keep`` takes from the present settings.

        :raise UserError: it cannot be done; the settings are as they were.
        """
        async with self._lock:
            try:
                before = self._store.load()
            except SettingsError:  # nonsense, which is a reason to reset
                before = Settings()
                self._store.path.unlink(missing_ok=True)
            await shielded(self._commit(Change(before, keep(before), NAMES)))
            if self._store.load() == Settings():
                self._store.path.unlink(missing_ok=True)

    def report(self) -> SettingsReport:
        """The settings for a form: as they were set, as they are used, and what this host has.

        :raise SettingsError: the file cannot be understood.
        """
        stored = self._store.load()
        return SettingsReport(
            stored.to_json(),
            self.resolve(stored).to_json(),
            self.resolve(Settings()).to_json(),
            self._host.cpu_count,
            self._host.memory_mib,
            system().no_menu,
        )

    async def _commit(self, change: Change) -> None:
        async with AsyncExitStack() as undo:
            for effect in self.effects:
                undo.push_async_callback(effect.revert, change)
                await effect.apply(change)
            undo.callback(self._store.save, change.before)
            self._store.save(change.after)
            if self.final is not None:
                await self.final(change)
            undo.pop_all()
        self.announce(change.after)

    def announce(self, settings: Settings) -> None:
        """Tell the subscribers what is in use from now on; one that fails does not keep it from the others."""
        for configure in self._subscribers:
            try:
                configure(settings)
            except Exception:
                log.exception("a change of the settings could not be applied by %s", configure)


def outcome(change: Change, *, running: bool) -> Note:
    """What a change has done, for the user.

    :param running: whether there is a machine, which was started with the settings of that moment.
    """
    names = sorted(change.names or change.touched)
    verb = ("is" if len(names) == 1 else "are") + (" set" if change.names else " as before")
    return Note(f"{', '.join(names)} {verb}", running and applies(change.paths) is Applies.RESTART)
