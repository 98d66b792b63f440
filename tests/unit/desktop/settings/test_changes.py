"""Changes as pure functions: texts in, a whole new value out, or all the reasons why not."""

from __future__ import annotations

import pytest

from desktop.settings.changes import problems, with_value, with_values
from desktop.settings.schema import HostSize, Settings, SettingsError


@pytest.mark.parametrize(
    ("path", "text", "name", "value"),
    [
        ("cpus", "2", "cpus", 2),
        ("cpus", "null", "cpus", 0),
        ("accelerator", "tcg", "accelerator", "tcg"),
        ("mirror", "http://mirror.example/debian", "mirror", "http://mirror.example/debian"),
        ("daemon", '{"debug": true}', "daemon", {"debug": True}),
        ("daemon.debug", "false", "daemon", {"bip": "10.9.0.1/24", "debug": False}),
        ("daemon.bip", "null", "daemon", {}),
    ],
)
def test_setting_one_value(path: str, text: str, name: str, value: object) -> None:
    before = Settings(cpus=1, accelerator="kvm", daemon={"bip": "10.9.0.1/24"})
    after = with_value(before, path, text)
    assert getattr(after, name) == value
    assert before.daemon == {"bip": "10.9.0.1/24"}


@pytest.mark.parametrize(("path", "text"), [("cpus.x", "1"), ("nothing", "1"), ("cpus", "many"), ("daemon", "x")])
def test_setting_what_cannot_be_set(path: str, text: str) -> None:
    with pytest.raises(SettingsError):
        with_value(Settings(), path, text)


def test_several_at_once() -> None:
    after = with_values(Settings(cpus=2), {"cpus": "1", "daemon.debug": "true", "daemon.mtu": "1400"})
    assert (after.cpus, after.daemon) == (1, {"debug": True, "mtu": 1400})
    both = {"daemon.default-runtime": '"other"', "daemon.runtimes": '{"other": {"path": "/bin/other"}}'}
    assert with_values(Settings(), both).daemon["default-runtime"] == "other"


def test_a_member_of_what_is_no_object_is_refused() -> None:
    with pytest.raises(SettingsError, match="daemon"):
        with_values(Settings(), {"daemon": "7", "daemon.debug": "true"})


def test_all_problems_are_found_each_where_it_is() -> None:
    values = {
        "cpus": 99,
        "memory_mib": "much",
        "disk_gib": 64,
        "daemon": {"debug": 1, "mtu": 1400, "dns": ["x"], "proxies": {"http-proxy": "proxy", "no-proxy": "a"}},
    }
    found = problems(values, HostSize(4, 8192))
    assert [error.path for error in found] == [
        "cpus",
        "memory_mib",
        "daemon.debug",
        "daemon.dns",
        "daemon.proxies.http-proxy",
    ]
    assert found[0].why == "cannot be 99: your computer has 4 processors"
    assert found[0].message == "Processors (cpus) cannot be 99: your computer has 4 processors"
    assert problems(Settings().to_json(), HostSize(4, 8192)) == []


def test_text_that_is_not_json_says_where() -> None:
    (found,) = problems({"daemon": '{"debug": }'}, HostSize(4, 8192))
    assert found.why.startswith("is not JSON: Expecting value: line 1 column 11")
