"""What Slipway changed in the user's Docker configurations, so that it can be undone: a file of ours, by folder.

There are several folders where DOCKER_CONFIG differs from terminal to terminal. The supervisor is the only writer.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engine.context_store import ContextError, docker_folder
from vm.files import write_atomically
from vm.host.optional_files import hint, read

log = logging.getLogger(__name__)

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
        """The folders in which the context was made and not removed since."""
        return [Path(folder) for folder in self._all()]

    def recall(self, folder: Path) -> Memory:
        """What was changed in a folder."""
        return self._all().get(str(folder), Memory())

    def remember(self, folder: Path, memory: Memory) -> None:
        """Record it. :raise ContextError: it cannot be written."""
        with _writing:
            known = self._all()
            if known.get(str(folder)) != memory:
                self._write({**known, str(folder): memory})

    def forget(self, folder: Path) -> None:
        """Nothing of ours is there any more. :raise ContextError: that cannot be written."""
        with _writing:
            known = self._all()
            if known.pop(str(folder), None) is not None:
                self._write(known)

    def _all(self) -> dict[str, Memory]:
        try:
            values = json.loads(read(self._file))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:  # without it, “default” is restored
            log.warning("%s cannot be read: %s", self._file, error)
            return {}
        if not isinstance(values, dict):
            return {}
        if "folders" not in values:  # of a version that knew one folder
            return {str(docker_folder(os.environ)): _memory(values)}
        folders = values["folders"]
        return (
            {str(folder): _memory(value) for folder, value in folders.items()} if isinstance(folders, dict) else {}
        )

    def _write(self, known: dict[str, Memory]) -> None:
        text = json.dumps({"folders": {folder: asdict(memory) for folder, memory in known.items()}}, indent=1)
        try:
            if known:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                write_atomically(self._file, text.encode())
            else:
                self._file.unlink(missing_ok=True)
        except OSError as error:
            raise ContextError(
                f"{self._file} cannot be written: {error.strerror}", hint(self._file, error)
            ) from error


def _memory(values: Any) -> Memory:
    if not isinstance(values, dict):
        return Memory()
    previous = values.get("previous")
    return Memory(previous if isinstance(previous, str) else None, bool(values.get("made_config")))
