"""Changes to the settings as pure functions: text in, a whole new value out, or the reasons why not.

Nothing here reads or writes the file, so the window checks a draft with the same code that the supervisor uses.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from desktop.settings.fields import HostSize, Kind, SettingsError
from desktop.settings.schema import Settings, field, plain


def from_json(values: Mapping[str, Any], schema: type[Settings] = Settings) -> Settings:
    """Settings out of a JSON object.

    :raise SettingsError: an unknown name, a wrong type or an impossible value.
    """
    for name in values:
        field(name, schema)
    return schema(**values)


def problems(values: Mapping[str, Any], size: HostSize, schema: type[Settings] = Settings) -> list[SettingsError]:
    """All reasons why these values, as JSON has them, cannot be used on a computer of this size."""
    found: list[SettingsError] = []
    for name, value in values.items():
        item = field(name, schema)
        errors = [item.error(problem) for problem in item.problems(value)]
        if not errors:
            try:
                item.resolved(item.clean(value), size)
            except SettingsError as error:
                errors = [error]
        found += errors
    return found


def with_value(settings: Settings, path: str, text: str) -> Settings:
    """``settings`` with the one at the dotted ``path`` set from ``text`` (JSON, or a plain word).

    Below ``daemon`` the path goes into the object: ``daemon.debug``. ``null`` removes a value, which brings the
    default back.

    :raise SettingsError: no such setting, or not a possible value for it.
    """
    return with_values(settings, {path: text})


def with_values(settings: Settings, changes: Mapping[str, str]) -> Settings:
    """``settings`` with several set, all or none; only the outcome must be possible. See :func:`with_value`.

    :raise SettingsError: one is refused.
    """
    values = settings.to_json()
    for path, text in changes.items():
        item = field(path, type(settings))
        name, _, below = path.partition(".")
        value = item.parse(text)
        if below and item.kind is not Kind.OBJECT:
            raise SettingsError(
                f"The setting “{name}” has no members", f"Run: slipway settings set {name} …", path=path
            )
        if not below:
            values[name] = plain(item.default) if value is None else value
        elif not isinstance(values[name], dict):
            continue  # set as a whole in the same change, and refused below
        elif value is None:
            values[name].pop(below, None)
        else:
            values[name][below] = value
    return from_json(values, type(settings))
