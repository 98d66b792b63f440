"""Records of what Slipway changed in the user's Docker configurations, by their folders: JSON files of ours.

There are several folders where DOCKER_CONFIG differs from terminal to terminal. A record that cannot be read is
never replaced: it says what to undo.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.context_store import ContextError, docker_folder
from vm.files import write_atomically
from vm.host.optional_files import hint, read, shown


def read_folders(file: Path, purpose: str) -> dict[str, Any]:
    """What is recorded, by folder; nothing when there is no file.

    :param purpose: what the record is for, a sentence for the user.
    :raise ContextError: it cannot be read.
    """
    try:
        values: Any = json.loads(read(file))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ContextError(
            f"{shown(file)} cannot be read: {error.strerror}", f"{purpose} {hint(file, error)}"
        ) from error
    except (ValueError, RecursionError) as error:
        raise ContextError(
            f"{shown(file)} is not valid JSON, and was not changed",
            f"{purpose} Fix the file or rename it.",
            str(error),
        ) from error
    if isinstance(values, dict):  # one folder's alone is of an older version
        values = values.get("folders", {str(docker_folder(os.environ)): values})
    if not isinstance(values, dict):
        raise ContextError(
            f"{shown(file)} must be one JSON object, and was not changed", f"{purpose} Fix the file or rename it."
        )
    return values


def write_folders(file: Path, folders: Mapping[str, Any]) -> None:
    """Replace the record; without any folder there is no file.

    :raise ContextError: it cannot be written.
    """
    try:
        if folders:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(file, json.dumps({"folders": folders}, indent=1).encode())
        else:
            file.unlink(missing_ok=True)
    except OSError as error:
        raise ContextError(f"{shown(file)} cannot be written: {error.strerror}", hint(file, error)) from error
