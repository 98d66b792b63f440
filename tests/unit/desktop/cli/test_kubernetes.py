"""``slipway kubernetes restore``: the list, the question, and the outcome."""

from __future__ import annotations

import json

import pytest

from tests.e2e.cli import Program
from tests.unit.desktop.cli.conftest import MakeSlipway


@pytest.fixture
def slipway(make_slipway: MakeSlipway) -> Program:
    return make_slipway("running,kubernetes")


def test_a_backup_is_listed_asked_about_and_restored(slipway: Program) -> None:
    slipway("start")
    lines = slipway("kubernetes", "restore").splitlines()
    assert lines[0].split() == ["BACKUP", "TAKEN", "KUBERNETES", "SIZE"]
    assert [line.split()[0] for line in lines[1:]] == ["5", "4", "3", "2", "1"]
    found = json.loads(slipway("kubernetes", "restore", "--json"))
    assert found[0]["number"] == 5
    asked = slipway.fails("kubernetes", "restore", "4")
    assert "changes since then are lost" in asked.out
    assert "The data in volumes stays as it is now" in asked.out
    assert "pass --yes" in asked.err
    assert slipway("kubernetes", "restore", "4", "--yes").splitlines()[0] == "The backup 4 was restored"


def test_there_may_be_none(slipway: Program) -> None:
    slipway("start")
    assert "There is no backup 77" in slipway.fails("kubernetes", "restore", "77", "--yes").err
    slipway("kubernetes", "disable")
    assert slipway("kubernetes", "restore").startswith("There are no backups yet")
