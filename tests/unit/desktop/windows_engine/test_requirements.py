"""What the engine of Windows containers needs, of Windowses that are made up."""

from __future__ import annotations

from dataclasses import replace

from desktop.windows_engine.requirements import (
    By,
    Windows,
    is_set_up,
    missing_features,
    obstacle,
    other_engine,
    requirements,
)

FRESH = Windows("Professional", client=True, services=frozenset({"eventlog"}), restart_pending=False)
FEATURES = frozenset({"hns", "vmcompute", "vmms"})


def unmet(windows: Windows) -> list[By]:
    return [one.by for one in requirements(windows) if not one.met]


def test_a_fresh_windows_needs_features_and_the_service() -> None:
    assert unmet(FRESH) == [By.SETUP, By.SETUP, By.SETUP]
    assert missing_features(requirements(FRESH)) == ["Containers", "Microsoft-Hyper-V"]
    assert obstacle(requirements(FRESH)) is None


def test_a_server_needs_no_hyper_v() -> None:
    assert missing_features(requirements(replace(FRESH, edition="ServerStandard", client=False))) == ["Containers"]


def test_half_a_feature_is_none() -> None:
    assert missing_features(requirements(replace(FRESH, services=frozenset({"vmcompute", "vmms"})))) == [
        "Containers"
    ]


def test_features_wait_for_a_restart() -> None:
    waiting = replace(FRESH, services=FEATURES, restart_pending=True)
    assert unmet(waiting) == [By.RESTART, By.SETUP]


def test_all_is_there() -> None:
    assert unmet(replace(FRESH, services=FEATURES | {"slipwaywindowsengine"})) == []


def test_an_interrupted_setup_is_to_be_completed() -> None:
    half = replace(FRESH, services=FEATURES | {"slipwaywindowsengine"}, interrupted=True)
    (service,) = [one for one in requirements(half) if not one.met]
    assert "interrupted" in service.fix
    assert is_set_up(half), "there is something to remove"


def test_what_another_user_has_set_up_lets_this_one_in_by_the_setup() -> None:
    others = replace(FRESH, services=FEATURES | {"slipwaywindowsengine"}, excluded=True)
    (permission,) = [one for one in requirements(others) if not one.met]
    assert permission.by is By.SETUP
    assert "another user" in permission.fix


def test_home_cannot() -> None:
    for edition in ("Core", "CoreN", "CoreSingleLanguage", "CoreCountrySpecific"):
        one = obstacle(requirements(replace(FRESH, edition=edition)))
        assert one is not None
        assert "Windows Home" in one.fix


def test_another_engine_is_seen() -> None:
    assert other_engine(FRESH) == ""
    assert other_engine(replace(FRESH, services=frozenset({"docker"}))) == "docker"
