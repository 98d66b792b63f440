"""The schema: what each setting accepts, what the computer's size makes of it, and when a change applies."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial

import pytest

from desktop.settings import schema
from desktop.settings.changes import from_json, with_values
from desktop.settings.fields import setting
from desktop.settings.schema import (
    MACHINE,
    Applies,
    Settings,
    SettingsError,
    applies,
    changed,
    changed_paths,
    describe,
    field,
    fields,
)
from vm.host.windows import WindowsHost


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("cpus", -1, "Choose 1 to 256 processors, or 0 to let Slipway choose"),
        ("cpus", "2", "processors"),
        ("memory_mib", 767, "Choose 768 to"),
        ("disk_gib", 0, "Choose 1 to"),
        ("wait_seconds", 0, "seconds"),
        ("accelerator", "warp", "auto, kvm"),
        ("daemon", {"data-root": "/x"}, "Leave it out"),
    ],
)
def test_each_refusal_says_what_would_do(name: str, value: object, reason: str) -> None:
    with pytest.raises(SettingsError) as caught:
        from_json({name: value})
    assert name in caught.value.message
    assert reason in caught.value.hint


def test_a_misspelt_name_is_guessed() -> None:
    with pytest.raises(SettingsError) as caught:
        from_json({"memory": 4096})
    assert "memory_mib" in caught.value.hint


@pytest.mark.parametrize(
    ("cpus", "memory", "wanted"),
    [(1, 2048, (1, 1024)), (2, 8192, (2, 2048)), (4, 16384, (2, 4096)), (16, 65536, (4, 8192))],
)
def test_defaults_follow_the_computer(cpus: int, memory: int, wanted: tuple[int, int]) -> None:
    resolved = Settings().resolved(cpus, memory)
    assert (resolved.cpus, resolved.memory_mib) == wanted


def test_more_than_the_computer_has() -> None:
    with pytest.raises(SettingsError, match="your computer has 4 processors"):
        Settings(cpus=5).resolved(4, 8192)
    with pytest.raises(SettingsError, match="your computer has 8192 MiB"):
        Settings(memory_mib=9000).resolved(4, 8192)


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        ((), Applies.LIVE),
        (("ports_local", "disk_gib"), Applies.LIVE),
        (("ports_local", "cpus"), Applies.RESTART),
        (("daemon.mtu",), Applies.RESTART),
        (("daemon",), Applies.RESTART),
        (("daemon.debug", "daemon.registry-mirrors"), Applies.LIVE),
        (("daemon.debug", "daemon.mtu"), Applies.RESTART),
    ],
)
def test_when_changes_apply(names: tuple[str, ...], wanted: Applies) -> None:
    assert applies(names) is wanted


def test_what_has_changed_in_an_object() -> None:
    before = Settings(cpus=2, daemon={"debug": True, "mtu": 1400, "labels": ["a"]})
    after = Settings(daemon={"debug": True, "mtu": 9000, "dns": ["1.1.1.1"]})
    assert changed_paths(before, after) == {"cpus", "daemon.mtu", "daemon.labels", "daemon.dns"}
    assert changed_paths(after, after) == set()


def test_what_has_changed() -> None:
    before = Settings(cpus=1, daemon={"debug": True})
    assert changed(before, before) == frozenset()
    assert changed(before, Settings(daemon={"debug": True}, shared_folders=("/data",))) == {
        "cpus",
        "shared_folders",
    }


def test_everything_about_a_setting_is_in_its_declaration() -> None:
    for item in fields():
        assert item.title, item.name
        assert item.bounds, item.name
        assert item.checked(item.default) == item.default, item.name
        assert json.loads(json.dumps(describe(item)))["applies"] in {"at once", "after a restart"}


def test_the_descriptions_follow_from_the_declarations() -> None:
    about = describe(field("memory_mib"))
    assert (about["minimum"], about["unit"], about["automatic"], about["applies"]) == (
        768,
        "MiB",
        True,
        "after a restart",
    )
    assert list(describe(field("accelerator"))["choices"]) == ["auto", "kvm", "hvf", "whpx", "tcg"]


@dataclass(frozen=True)
class Extended(Settings):
    """A schema with one more setting."""

    swap_mib: int = setting(
        0,
        title="Swap",
        section=MACHINE,
        unit="MiB",
        minimum=64,
        maximum=4096,
        automatic=lambda size: size.cpus * 64,
    )


def test_a_new_setting_is_declared_once() -> None:
    after = with_values(Extended(), {"swap_mib": "128", "cpus": "1"})
    assert isinstance(after, Extended)
    assert (after.swap_mib, after.cpus) == (128, 1)
    assert changed(Extended(), after) == {"swap_mib", "cpus"}
    resolved = Extended().resolved(2, 4096)
    assert isinstance(resolved, Extended)
    assert resolved.swap_mib == 128
    with pytest.raises(SettingsError, match=r"Swap \(swap_mib\) cannot be 1"):
        with_values(Extended(), {"swap_mib": "1"})


def test_what_a_host_cannot_do_is_no_setting_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Docker's default pipe is one of Windows."""
    assert "default_pipe" not in {item.name for item in fields()}
    with pytest.raises(SettingsError, match="no setting “default_pipe”"):
        field("default_pipe")
    assert "default_pipe" not in Settings().to_json()
    monkeypatch.setattr(schema, "host", partial(WindowsHost, version=dict))
    assert field("default_pipe").applies is Applies.LIVE
    assert Settings().to_json()["default_pipe"] is True
    assert with_values(Settings(), {"default_pipe": "false"}).default_pipe is False
