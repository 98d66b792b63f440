"""The timings of past starts, kept in one small JSON file: the waterfall, and how starts compare."""

from __future__ import annotations

import logging
from pathlib import Path

from desktop.control.codec import decode, encode
from desktop.control.schema import Boot
from vm.files import write_atomically

log = logging.getLogger(__name__)

KEPT = 20


class BootHistory:
    """The last :data:`KEPT` starts, oldest first. A file that cannot be read is replaced."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def list(self) -> list[Boot]:
        """The kept starts."""
        try:
            return decode(list[Boot], self._path.read_bytes())
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as error:
            log.warning("the timings in %s cannot be read: %s", self._path, error)
            return []

    def add(self, boot: Boot) -> None:
        """Keep one more start; a full disk only loses the record."""
        try:
            write_atomically(self._path, encode([*self.list(), boot][-KEPT:], indent=1))
        except OSError as error:
            log.warning("the timings cannot be kept: %s", error)
