"""``slipway reset``: it says what it takes away, and so do the names of its options."""

from __future__ import annotations

import pytest

from tests.unit.desktop.cli.conftest import MakeSlipway


@pytest.mark.parametrize("option", ["--keep-system-image", "--keep-images"])
def test_the_system_image_is_kept_not_yours(make_slipway: MakeSlipway, option: str) -> None:
    slipway = make_slipway("running")
    asked = slipway.fails("reset", option)
    assert asked.code == 2  # not a terminal
    assert "delete all containers, images, volumes" in asked.out
    assert "keep the settings and the machine's system image" in asked.out
    slipway("settings", "set", "wait_seconds", "61")
    done = slipway.run("reset", option, "--yes")
    assert done.code == 0
    assert slipway("settings", "get", "wait_seconds") == "61"
    for told in (asked.err, done.err):
        assert ("Your own images are deleted" in told) is (option == "--keep-images")


def test_options_that_contradict_each_other(make_slipway: MakeSlipway) -> None:
    for option in ("--keep-system-image", "--keep-images"):
        assert make_slipway("").fails("reset", option, "--settings-only").code == 2


def test_the_former_name_is_not_advertised(make_slipway: MakeSlipway) -> None:
    told = make_slipway("")("reset", "--help")
    assert "--keep-system-image" in told
    assert "--keep-images" not in told
