"""The settings file: read whole, written whole, and never overwritten when it cannot be understood.

A newer Slipway may have written it. What this one does not know is left out when it reads, and kept when it
writes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from desktop.settings.changes import from_json
from desktop.settings.fields import SettingsError
from desktop.settings.migrations import SCHEMA, migrate
from desktop.settings.schema import Settings, changed, fields, plain
from vm.files import write_atomically


class Record(NamedTuple):
    """What the file holds.

    :ivar values: as they are in the file, brought up to today's schema.
    :ivar version: of the schema; a newer Slipway's stays.
    :ivar unknown: names in it that this Slipway does not know, or whose value it cannot use.
    """

    settings: Settings
    values: dict[str, Any]
    version: int = SCHEMA
    unknown: tuple[str, ...] = ()


class SettingsStore:
    """The settings kept in one JSON file (RFC 8259, UTF-8). It has no lock: its owner writes one at a time."""

    def __init__(self, path: Path, schema: type[Settings] = Settings) -> None:
        self.path = path
        self._schema = schema

    def load(self) -> Settings:
        """The settings; the defaults when there is no file.

        :raise SettingsError: the file cannot be read or is not valid; it is left as it is.
        """
        return self.read().settings

    def read(self) -> Record:
        """All that the file holds.

        :raise SettingsError: as :meth:`load`.
        """
        values = self._values()
        if values is None:
            return Record(self._schema(), {})
        try:
            version, values = migrate(values)
            known, unknown = self._known(values, newer=version > SCHEMA)
            return Record(from_json(known, self._schema), values, version, unknown)
        except SettingsError as error:
            detail = f"in {self.path}\n{error.detail}".strip()
            raise SettingsError(error.message, error.hint, detail, path=error.path, why=error.why) from error

    def save(self, settings: Settings) -> None:
        """Write the settings that differ from the defaults, atomically.

        What has not changed stays as the file has it, with what this version does not know.

        :raise SettingsError: the present file cannot be understood, or the file cannot be written.
        """
        before = self.read()
        values = dict(before.values)
        for name in changed(before.settings, settings):
            values.pop(name, None)
            if getattr(settings, name) != getattr(self._schema(), name):
                values[name] = plain(getattr(settings, name))
        text = json.dumps({"schema": before.version, **values}, indent=2, ensure_ascii=False) + "\n"
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomically(self.path, text.encode())
        except OSError as error:
            why = f"The settings cannot be written to {self.path}: {error.strerror}"
            raise SettingsError(why, "Check the free space and the permissions.", str(error)) from error

    def _known(self, values: dict[str, Any], *, newer: bool) -> tuple[dict[str, Any], tuple[str, ...]]:
        """What of the values this version can use; of a newer version's, also what it would refuse is left out."""
        items = {item.name: item for item in fields(self._schema)}
        unknown = [
            name
            for name, value in values.items()
            if name not in items or (newer and next(items[name].problems(value), None) is not None)
        ]
        return {name: value for name, value in values.items() if name not in unknown}, tuple(unknown)

    def _values(self) -> dict[str, Any] | None:
        fix = "Fix the file or rename it; without it, all settings have their defaults."
        try:
            text = self.path.read_text("utf-8")
        except FileNotFoundError:
            return None
        except UnicodeDecodeError as error:
            raise SettingsError(f"The settings file {self.path} is not UTF-8 text", fix, str(error)) from error
        except OSError as error:
            why = f"The settings file {self.path} cannot be read: {error.strerror}"
            raise SettingsError(why, "Check its permissions.", str(error)) from error
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise SettingsError(f"The settings file {self.path} is not valid JSON", fix, str(error)) from error
        if not isinstance(values, dict):
            raise SettingsError(f"The settings file {self.path} must be one JSON object", fix)
        return values
