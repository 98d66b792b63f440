"""What a part or an operation may know of the supervisor: three narrow Protocols, never the supervisor itself.

Each is implemented once (settings.py, guest.py, lifecycle/lifecycle.py), and app.py gives it to whatever needs it.
A test gives a small fake instead.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from desktop.control.schema import Event
from desktop.settings.schema import Settings, changed, changed_paths
from vm.guest.stream import Link
from vm.qemu.record import Record

Emit = Callable[[Event], None]
"""Reports an event of long work to whoever follows it."""

Work = Callable[[Emit], Awaitable[str]]
"""Does long work; the text it returns is the outcome for the user. Raises a :class:`~vm.errors.UserError`."""

Configure = Callable[[Settings], None]
"""Called in the event loop with the settings that are in use from now on."""


@dataclass(frozen=True)
class Change:
    """One change of the settings, all of them before and after.

    :ivar touched: the settings that were named, whether they differ now or not.
    """

    before: Settings
    after: Settings
    touched: frozenset[str]

    @property
    def names(self) -> frozenset[str]:
        """The settings that differ."""
        return changed(self.before, self.after)

    @property
    def paths(self) -> frozenset[str]:
        """What differs, by dotted path: of an object its members."""
        return changed_paths(self.before, self.after)


class CurrentSettings(Protocol):
    """The settings in use. One writer, one lock: two changes at once are made one after the other."""

    def get(self) -> Settings:
        """The settings as they were set; the defaults where the file cannot be understood."""
        ...

    def resolved(self) -> Settings:
        """The settings with this host's defaults filled in.

        :raise SettingsError: the file, or a value on this host, is not acceptable.
        """
        ...

    async def change(self, changes: Mapping[str, str]) -> Change:
        """Change some, all or none.

        :param changes: by dotted path, JSON or a plain word (:func:`desktop.settings.changes.with_values`).
        :raise UserError: one is refused, with the reason; nothing has changed.
        """
        ...

    def subscribe(self, configure: Configure) -> None:
        """Call ``configure`` after each change."""
        ...


class GuestAccess(Protocol):
    """The running machine, for parts and operations."""

    @property
    def running(self) -> bool:
        """Whether there is a guest that runs, reachable or not."""
        ...

    @property
    def link(self) -> Link:
        """The link into the guest.

        :raise StateError: the machine does not run.    :raise LinkError: the link is being made again.
        """
        ...

    @property
    def record(self) -> Record | None:
        """QEMU's record: pid, SSH port, image, served folders; None when there is no machine."""
        ...


class Operations(Protocol):
    """Long work that needs the engine to itself."""

    def while_stopped(self, name: str, work: Work) -> AsyncIterator[Event]:
        """Stop the engine as ``slipway stop`` does, then do ``work``, which nothing can start the engine under.

        :param name: what it does, as an infinitive: ``reset``.
        """
        ...
