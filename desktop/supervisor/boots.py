"""The timings of past starts, kept in one small JSON file: the waterfall, and how starts compare."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from desktop.control.schema import Boot, dump, load
from vm.files import write_atomically

log = logging.getLogger(__name__)

KEPT = 20


class Boots:
    """The last :data:`KEPT` starts, oldest first. A file that cannot be read is begun anew: it is but a record."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def list(self) -> list[Boot]:
        """The kept starts."""
        try:
            return [load(Boot, item) for item in json.loads(self._path.read_text())]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, TypeError) as error:
            log.warning("the timings in %s cannot be read: %s", self._path, error)
            return []

    def add(self, boot: Boot) -> None:
        """Keep one more start; a full disk only loses the record."""
        try:
            write_atomically(self._path, json.dumps(dump([*self.list(), boot][-KEPT:]), indent=1).encode())
        except OSError as error:
            log.warning("the timings cannot be kept: %s", error)
