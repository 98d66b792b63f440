"""Brings the values of older settings files up to today's schema, one version at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from desktop.settings.schema import SCHEMA, SettingsError

Values = dict[str, Any]

MIGRATIONS: dict[int, Callable[[Values], Values]] = {}
"""From version → what makes it the next version. Schema 1 is the first, so there is none yet."""


def migrate(values: Values) -> Values:
    """Today's values out of a file's, without its ``schema`` key.

    :raise SettingsError: the schema is missing, not a number, or newer than this Slipway.
    """
    values = dict(values)
    version = values.pop("schema", None)
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise SettingsError("The settings file does not say its schema", f'It needs "schema": {SCHEMA}.')
    if version > SCHEMA:
        raise SettingsError(
            f"The settings file was written by a newer Slipway (schema {version}, this one knows {SCHEMA})",
            "Update Slipway, or move the file away to begin with the defaults.",
        )
    for step in range(version, SCHEMA):
        values = MIGRATIONS[step](values)
    return values
