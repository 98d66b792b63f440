"""Which engine is in use, in one small file. It is all of a switch that is kept: what runs can be seen.

{"in_use": "windows", "used": ["linux", "windows"]}
"""

from __future__ import annotations

import json
import logging
from pathlib import Path

from vm.errors import HostError
from vm.files import write_atomically

log = logging.getLogger(__name__)


class EngineRecord:
    """The name of the engine in use. A file that cannot be understood counts as none.

    :param default: the one in use when nothing is recorded.
    """

    def __init__(self, path: Path, default: str) -> None:
        self._path = path
        self._default = default

    def read(self) -> str:
        """The engine in use."""
        return self._read()[0]

    def used(self) -> frozenset[str]:
        """All that have been in use."""
        return self._read()[1]

    def _read(self) -> tuple[str, frozenset[str]]:
        try:
            kept = json.loads(self._path.read_bytes())
            name = str(kept["in_use"])
            return name, frozenset(map(str, (*kept.get("used", ()), name, self._default)))
        except FileNotFoundError:
            pass
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            log.warning("%s cannot be used, and “%s” is: %r", self._path, self._default, error)
        return self._default, frozenset({self._default})

    def write(self, name: str) -> None:
        """Remember another one. :raise HostError: it cannot be written; the one before is remembered."""
        kept = {"in_use": name, "used": sorted(self.used() | {name})}
        try:
            write_atomically(self._path, json.dumps(kept).encode() + b"\n")
        except OSError as error:
            raise HostError(
                f"Which engine is in use cannot be kept: {error.strerror}",
                "Check the folder's permissions and the free space.",
                str(self._path),
            ) from error
