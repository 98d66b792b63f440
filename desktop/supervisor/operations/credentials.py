"""Credential helpers that Docker's configuration names and this host does not have: each one breaks every pull."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from desktop.control.schema import CallerEnvironment, Note
from engine.helpers import Helpers

log = logging.getLogger(__name__)


class Credentials:
    """:param record: what was taken out, so that it can be put back."""

    def __init__(self, record: Path) -> None:
        self._record = record

    async def change(self, caller: CallerEnvironment, repair: bool) -> Note:
        """Remove uninstalled credential helpers from the client's configuration, or put back what was removed.

        :raise UserError: the configuration cannot be read or written.
        """
        helpers = Helpers(self._record, caller.variables())
        outcome = await asyncio.to_thread(helpers.take_out if repair else helpers.put_back)
        log.info("credential helpers: %s", outcome)
        return Note(outcome)
