"""Which context was current before ours, and what else to undo: a record by folder (folder_record.py).

The supervisor is the only writer.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engine.context_store import ContextError
from engine.folder_record import read_folders, write_folders

log = logging.getLogger(__name__)

PURPOSE = "It records which Docker context to restore; without it, that is “default”."

_writing = threading.Lock()


@dataclass(frozen=True)
class Memory:
    """What we changed in one folder.

    :ivar previous: the context that was current before ours; None when we have not changed that.
    :ivar made_config: config.json was not there before.
    """

    previous: str | None = None
    made_config: bool = False


class ContextMemory:
    """:param file: the record; it need not exist."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def folders(self) -> list[Path]:
        """The folders in which the context was made and not removed since.

        :raise ContextError: the record cannot be read.
        """
        return [Path(folder) for folder in self._all()]

    def read(self, folder: Path) -> Memory:
        """What was changed in a folder. :raise ContextError: the record cannot be read."""
        return self._all().get(str(folder), Memory())

    def recall(self, folder: Path) -> Memory:
        """The same for showing it: a record that cannot be read is empty."""
        try:
            return self.read(folder)
        except ContextError as error:
            log.warning("%s: %s", error.message, error.detail)
            return Memory()

    def remember(self, folder: Path, memory: Memory) -> None:
        """Record it. :raise ContextError: the record cannot be read or written; it is as it was."""
        with _writing:
            known = self._all()
            if known.get(str(folder)) != memory:
                self._write({**known, str(folder): memory})

    def forget(self, folder: Path) -> None:
        """Nothing of ours is there any more. :raise ContextError: as for :meth:`remember`."""
        with _writing:
            known = self._all()
            if known.pop(str(folder), None) is not None:
                self._write(known)

    def _all(self) -> dict[str, Memory]:
        return {folder: _memory(values) for folder, values in read_folders(self._file, PURPOSE).items()}

    def _write(self, known: dict[str, Memory]) -> None:
        write_folders(self._file, {folder: asdict(memory) for folder, memory in known.items()})


def _memory(values: Any) -> Memory:
    if not isinstance(values, dict):
        return Memory()
    previous = values.get("previous")
    return Memory(previous if isinstance(previous, str) else None, bool(values.get("made_config")))
