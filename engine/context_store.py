"""The docker CLI's files for contexts: read, and written so that nothing else in them changes.

Layout after the docker CLI's sources (cli/config, cli/context/store): indentation with tabs, files 0600 in folders
0700 where we make them; a file that exists keeps its mode and its place behind a symbolic link.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vm.errors import EngineError
from vm.files import write_atomically

DEFAULT = "default"
CURRENT = "currentContext"


class ContextError(EngineError):
    """The Docker configuration cannot be used; it was left as it is."""


class ContextStore:
    """One Docker configuration folder (``~/.docker`` or DOCKER_CONFIG)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def config(self) -> Path:
        """The CLI's configuration file."""
        return self.folder / "config.json"

    def current(self) -> str:
        """The name of the current context.

        :raise ContextError: config.json is not what the docker CLI can read.
        """
        return str(self.settings().get(CURRENT) or DEFAULT)

    def settings(self) -> dict[str, Any]:
        """All of config.json; empty when there is none.

        :raise ContextError: it cannot be read.
        """
        return _read(self.config) or {}

    def replace(self, settings: Mapping[str, Any]) -> None:
        """Write all of config.json.

        :raise ContextError: it cannot be written.
        """
        _write(self.config, settings)

    def set_current(self, name: str) -> None:
        """Change the current context and nothing else.

        :raise ContextError: config.json cannot be read or written.
        """
        settings = self.settings()
        if name == DEFAULT:
            settings.pop(CURRENT, None)
        else:
            settings[CURRENT] = name
        if settings or self.config.exists():
            _write(self.config, settings)

    def drop_empty_config(self) -> None:
        """Remove a config.json, and its folder, that hold nothing."""
        if self.config.exists() and not self.settings():
            self.config.unlink()
            with contextlib.suppress(OSError):  # something else is in it
                self.folder.rmdir()

    def meta(self, name: str) -> Path:
        """Where a context is described."""
        return self.folder / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest() / "meta.json"

    def read(self, name: str) -> dict[str, Any] | None:
        """A context's description, or None when there is none.

        :raise ContextError: it cannot be read.
        """
        return _read(self.meta(name))

    def names(self) -> list[str]:
        """All contexts, ``default`` first.

        :raise ContextError: one cannot be read.
        """
        found = [_read(path) or {} for path in sorted((self.folder / "contexts" / "meta").glob("*/meta.json"))]
        return [DEFAULT, *sorted(str(meta["Name"]) for meta in found if meta.get("Name"))]

    def write(self, name: str, description: Mapping[str, Any]) -> None:
        """Make or replace a context.

        :raise ContextError: it cannot be written.
        """
        _write(self.meta(name), description, indent=None)

    def delete(self, name: str) -> None:
        """Remove a context's description, and the folders that are empty then."""
        meta = self.meta(name)
        meta.unlink(missing_ok=True)
        for folder in (*meta.parents[:3], self.folder):
            try:
                folder.rmdir()
            except OSError:  # other contexts or files are in it
                return


def _read(path: Path) -> dict[str, Any] | None:
    try:
        values = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ContextError(f"{path} cannot be read", "Check its owner and permissions.", str(error)) from error
    except ValueError as error:
        raise ContextError(
            f"{path} is not valid JSON, and was not changed", "Fix the file or rename it.", str(error)
        ) from error
    if not isinstance(values, dict):
        raise ContextError(f"{path} must be one JSON object", "Fix the file or rename it.")
    return values


def _write(path: Path, values: Mapping[str, Any], indent: str | None = "\t") -> None:
    """Replace a file at once, keeping its mode, and its place when it is a symbolic link."""
    target = path.resolve()
    text = json.dumps(values, indent=indent, ensure_ascii=False)
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o600
        write_atomically(target, text.encode(), mode)
    except OSError as error:
        raise ContextError(
            f"{path} cannot be written: {error.strerror}", "Check its owner and permissions and the free space."
        ) from error
