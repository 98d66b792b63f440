"""The settings file: read whole, written whole, never overwritten when it cannot be understood."""

from __future__ import annotations

import json
from pathlib import Path

from desktop.settings.migrations import migrate
from desktop.settings.schema import SCHEMA, Settings, SettingsError, from_json
from vm.files import write_atomically


class SettingsStore:
    """The settings kept in one JSON file (RFC 8259, UTF-8)."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> Settings:
        """The settings; the defaults when there is no file.

        :raise SettingsError: the file cannot be read or holds nonsense; it is left as it is.
        """
        try:
            text = self.path.read_text("utf-8")
        except FileNotFoundError:
            return Settings()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(
                f"The settings file {self.path} cannot be read",
                "Check its permissions, or move it away.",
                str(error),
            ) from error
        try:
            values = json.loads(text)
        except ValueError as error:
            raise SettingsError(
                f"The settings file {self.path} is not valid JSON",
                "Mend it, or move it away to begin with the defaults.",
                str(error),
            ) from error
        if not isinstance(values, dict):
            raise SettingsError(
                f"The settings file {self.path} has to hold one JSON object", "Mend it, or move it away."
            )
        try:
            return from_json(migrate(values))
        except SettingsError as error:
            raise SettingsError(error.message, error.hint, f"in {self.path}\n{error.detail}".strip()) from error

    def save(self, settings: Settings) -> None:
        """Write the settings that differ from the defaults.

        :raise SettingsError: the present file cannot be understood, or the file cannot be written.
        """
        self.load()
        text = json.dumps({"schema": SCHEMA, **settings.changes()}, indent=2, ensure_ascii=False) + "\n"
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomically(self.path, text.encode())
        except OSError as error:
            raise SettingsError(
                f"The settings cannot be written to {self.path}: {error.strerror}",
                "Check the free space.",
                str(error),
            ) from error
