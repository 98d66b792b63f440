"""Slipway in the host's desktop: the applications menu, and starting at login."""

from __future__ import annotations

import asyncio

from desktop.control.schema import Note
from desktop.supervisor.context import Change
from desktop.system import Launch, system
from vm.host.paths import Paths


class DesktopEntry:
    """An effect of settings (:class:`desktop.supervisor.settings.Effect`), and the menu."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths

    async def apply(self, change: Change) -> None:
        """Start Slipway at login, or not, as the setting says; also when it says so again.

        :raise HostError: the desktop's own list cannot be written.
        """
        if "start_at_login" in change.touched:
            await asyncio.to_thread(self.set_login, change.after.start_at_login)

    async def revert(self, change: Change) -> None:
        """As it was before."""
        if "start_at_login" in change.names:
            await asyncio.to_thread(self.set_login, change.before.start_at_login)

    def set_login(self, wanted: bool) -> None:
        """Start Slipway at login, or make sure that nothing does. Blocks.

        :raise HostError: the desktop's own list cannot be written.
        """
        system().start_at_login(Launch.of(self._paths, background=True), wanted)

    def set_menu(self, wanted: bool) -> Note:
        """Add Slipway to the applications menu, or remove it, where that is not the installer's business. Blocks.

        :raise HostError: it cannot be written.
        """
        if system().no_menu:
            return Note(system().no_menu)
        if wanted:
            entry, *_ = system().add_to_menu(Launch.of(self._paths))
            return Note(f"Slipway is in the applications menu ({entry})")
        removed = self.remove_from_menu()
        return Note("Slipway was removed from the applications menu" if removed else "Slipway is not in the menu")

    def remove_from_menu(self) -> bool:
        """Whether it was there. Blocks.

        :raise HostError: it cannot be removed.
        """
        return system().remove_from_menu(Launch.of(self._paths))
