"""Brings the values of older settings files up to today's schema, one version at a time.

A new setting needs no migration: it has a default. A setting that gets another name or another meaning needs one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from desktop.settings.fields import SettingsError

Values = dict[str, Any]
Migration = Callable[[Values], Values]
"""Makes the values of one version those of the next; its docstring says what has changed."""

MIGRATIONS: tuple[Migration, ...] = ()
"""In order: the first one makes version 1 version 2."""

SCHEMA = 1 + len(MIGRATIONS)
"""Version of the settings file."""


def migrate(values: Values, migrations: Sequence[Migration] = MIGRATIONS) -> tuple[int, Values]:
    """A file's version and its values, without the key ``schema``, brought up to today's version.

    The values of a newer version stay as they are, and so does the number.

    :raise SettingsError: the version is missing or is not a number.
    """
    values = dict(values)
    today = 1 + len(migrations)
    version = values.pop("schema", None)
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise SettingsError("The settings file does not say its version", f'It needs "schema": {today}.')
    for step in migrations[version - 1 :]:
        values = step(values)
    return max(version, today), values
