"""Migrations: older files are brought up to date step by step, newer ones are left as they are."""

from __future__ import annotations

from typing import Any

import pytest

from desktop.settings.migrations import MIGRATIONS, SCHEMA, migrate
from desktop.settings.schema import SettingsError


def rename(values: dict[str, Any]) -> dict[str, Any]:
    """``processors`` is called ``cpus``."""
    return {"cpus" if name == "processors" else name: value for name, value in values.items()}


def double(values: dict[str, Any]) -> dict[str, Any]:
    """``cpus`` counts halves."""
    return {**values, "cpus": values["cpus"] * 2}


@pytest.mark.parametrize(
    ("version", "before", "after"),
    [
        (1, {"processors": 2, "other": 1}, {"cpus": 4, "other": 1}),
        (2, {"cpus": 2}, {"cpus": 4}),
        (3, {"cpus": 2}, {"cpus": 2}),
    ],
)
def test_each_step_once_and_in_order(version: int, before: dict[str, Any], after: dict[str, Any]) -> None:
    given = {"schema": version, **before}
    assert migrate(given, (rename, double)) == (3, after)
    assert given == {"schema": version, **before}


def test_a_newer_file_is_not_touched() -> None:
    assert migrate({"schema": 9, "processors": 2}, (rename, double)) == (9, {"processors": 2})


@pytest.mark.parametrize("version", [None, 0, -1, True, "1", 1.5])
def test_a_file_must_say_its_version(version: object) -> None:
    with pytest.raises(SettingsError) as caught:
        migrate({"schema": version})
    assert f'"schema": {SCHEMA}' in caught.value.hint


def test_todays_version_counts_the_migrations() -> None:
    assert len(MIGRATIONS) + 1 == SCHEMA
