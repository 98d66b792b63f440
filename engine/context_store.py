"""The docker CLI's files for contexts: read, and written so that nothing else in them changes.

Layout after the docker CLI's sources (cli/config, cli/context/store): indentation with tabs, files 0600 in folders
0700 where we make them; a file that exists keeps its mode and its place behind a symbolic link. White space alone,
or ``null``, is an empty configuration, as it is to docker. Bytes that are not UTF-8 are kept.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vm.errors import EngineError
from vm.files import write_atomically
from vm.host.optional_files import OptionalFiles, hint, read, shown

log = logging.getLogger(__name__)

DEFAULT = "default"
CURRENT = "currentContext"


BLANK = b" \t\r\n"
"""White space in JSON (RFC 8259 section 2)."""


class ContextError(EngineError):
    """The Docker configuration cannot be used; it was left as it is."""


def docker_folder(environment: Mapping[str, str]) -> Path:
    """The folder of Docker's configuration: what DOCKER_CONFIG names, else ``~/.docker`` (docker(1))."""
    named = environment.get("DOCKER_CONFIG")
    return Path(named) if named else Path.home() / ".docker"


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
        if settings or self.has_config:
            _write(self.config, settings)

    @property
    def has_config(self) -> bool:
        """Whether there is a config.json.

        :raise ContextError: that cannot be seen.
        """
        return _read_bytes(self.config) is not None

    def drop_empty_config(self) -> None:
        """Remove a config.json, and its folder, that hold nothing.

        :raise ContextError: config.json cannot be read or removed.
        """
        if self.has_config and not self.settings():
            _remove(self.config)
            _remove_empty(self.folder)

    def meta(self, name: str) -> Path:
        """Where a context is described."""
        return self.folder / "contexts" / "meta" / _digest(name) / "meta.json"

    def tls(self, name: str) -> Path:
        """The folder of a context's certificates for Docker; it need not exist."""
        return self.folder / "contexts" / "tls" / _digest(name) / "docker"

    def read(self, name: str) -> dict[str, Any] | None:
        """A context's description, or None when there is none.

        :raise ContextError: it cannot be read.
        """
        return _read(self.meta(name))

    def names(self) -> list[str]:
        """All contexts, ``default`` first; those that cannot be read are left out."""
        files = OptionalFiles()
        names = []
        for folder in files.folders(self.folder / "contexts" / "meta"):
            try:
                names.append((_read(folder / "meta.json") or {}).get("Name"))
            except ContextError as error:
                log.warning("a context is left out: %s", error.message)
        for one in files.passed_over:
            log.warning("contexts are left out: %s: %s", one.path, one.reason)
        return [DEFAULT, *sorted(str(name) for name in names if name)]

    def write(self, name: str, description: Mapping[str, Any]) -> None:
        """Make or replace a context.

        :raise ContextError: it cannot be written.
        """
        _write(self.meta(name), description, indent=None)

    def delete(self, name: str) -> None:
        """Remove a context's description, and the folders that are empty then.

        :raise ContextError: it cannot be removed.
        """
        meta = self.meta(name)
        _remove(meta)
        for folder in (*meta.parents[:3], self.folder):
            if not _remove_empty(folder):
                return


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()


def _read(path: Path) -> dict[str, Any] | None:
    data = _read_bytes(path)
    if data is None:
        return None
    try:
        values = json.loads(data.decode("utf-8", "surrogateescape")) if data.strip(BLANK) else {}
    except (ValueError, RecursionError) as error:
        raise ContextError(
            f"{shown(path)} is not valid JSON, and was not changed", "Fix the file or rename it.", str(error)
        ) from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ContextError(f"{shown(path)} must be one JSON object", "Fix the file or rename it.")
    return values


def _read_bytes(path: Path) -> bytes | None:
    try:
        return read(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> ContextError:
    return ContextError(f"{shown(path)} cannot be read: {error.strerror}", hint(path, error))


def _write(path: Path, values: Mapping[str, Any], indent: str | None = "\t") -> None:
    """Replace a file at once, keeping its mode, and its place when it is a symbolic link."""
    try:
        data = json.dumps(values, indent=indent, ensure_ascii=False).encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half a surrogate pair, written as \ud800
        data = json.dumps(values, indent=indent).encode()
    try:
        target = Path(os.path.realpath(path))
        _make_private(target.parent)
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o600
        write_atomically(target, data, mode)
    except OSError as error:
        raise ContextError(f"{shown(path)} cannot be written: {error.strerror}", hint(path, error)) from error


def _make_private(folder: Path) -> None:
    """Make a folder, 0700 like each of those above that are missing. :raise OSError: it cannot be made."""
    if not folder.is_dir():
        _make_private(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise ContextError(f"{shown(path)} cannot be removed: {error.strerror}", hint(path, error)) from error


def _remove_empty(folder: Path) -> bool:
    """Remove a folder unless something is in it; whether that was done."""
    try:
        folder.rmdir()
    except OSError:  # other contexts or files are in it
        return False
    return True
