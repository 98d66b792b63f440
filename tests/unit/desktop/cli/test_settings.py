"""slipway settings: everything it prints follows from the schema, and what it sends is what was typed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import click
import pytest
from click.testing import CliRunner

from desktop.cli.settings import settings_group
from desktop.control.schema import Note, SettingsReport
from desktop.settings.fields import Applies, setting
from desktop.settings.schema import MACHINE, Settings, SettingsError, fields


@dataclass(frozen=True)
class Extended(Settings):
    """A schema with one more setting."""

    swap_mib: int = setting(
        0,
        title="Swap",
        section=MACHINE,
        help="Space on the data disk for what does not fit into memory.",
        applies=Applies.RESTART,
        unit="MiB",
        minimum=64,
        maximum=4096,
        automatic=lambda size: 256,
    )


@dataclass
class Client:
    """A control client of a supervisor whose schema is :class:`Extended`."""

    stored: Extended = field(default_factory=Extended)
    sent: list[tuple[str, str]] = field(default_factory=list)

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def connect(self, **_: object) -> Client:
        return self

    async def settings(self) -> dict[str, Any]:
        return self.stored.resolved(4, 8192).to_json()

    async def settings_report(self) -> SettingsReport:
        chosen = Extended().resolved(4, 8192).to_json()
        return SettingsReport(self.stored.to_json(), await self.settings(), chosen, 4, 8192)

    async def set_settings(self, changes: Mapping[str, str]) -> Note:
        ((path, text),) = changes.items()
        self.sent.append((path, text))
        return Note(f"{path} is set", restart_needed=path == "swap_mib")


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    made = Client(Extended(swap_mib=64, accelerator="tcg"))
    monkeypatch.setattr("desktop.cli.session.ControlClient", made)
    return made


def run(*words: str, group: click.Group | None = None) -> str:
    """What a command prints."""
    group = group or settings_group(Extended)
    return CliRunner().invoke(group, words, prog_name="settings", catch_exceptions=False).stdout


def test_a_setting_is_described_without_a_supervisor() -> None:
    assert run("describe", "swap_mib").splitlines() == [
        "Setting    swap_mib",
        "Title      Virtual machine: Swap",
        "Help       Space on the data disk for what does not fit into memory.",
        "Values     64 to 4096 MiB, or 0 to let Slipway choose",
        "Default    chosen by Slipway",
        "Applies    after a restart",
    ]


def test_choices_are_described_with_their_meaning() -> None:
    lines = run("describe", "on_close").splitlines()
    assert "           stop  Quit, and stop the engine" in lines
    assert lines[-1] == "Applies    at once"


def test_all_are_described() -> None:
    described = json.loads(run("describe", "--json"))
    assert [item["name"] for item in described] == [item.name for item in fields(Extended)]
    assert json.loads(run("describe", "cpus", "--json"))["maximum"] == 256


def test_a_misspelt_name() -> None:
    with pytest.raises(SettingsError, match="There is no setting “swap”"):
        run("describe", "swap")


@pytest.mark.usefixtures("client")
def test_the_list_has_values_defaults_and_when_they_apply() -> None:
    lines = [line.split() for line in run("list").splitlines()]
    assert lines[0] == ["SETTING", "VALUE", "DEFAULT", "APPLIES"]
    assert ["accelerator", "tcg", "auto", "after", "a", "restart"] in lines
    assert ["swap_mib", "64", "256", "after", "a", "restart"] in lines
    assert ["wait_seconds", "60", "60", "at", "once"] in lines
    listed = {item["name"]: item for item in json.loads(run("list", "--json"))}
    assert (listed["cpus"]["value"], listed["swap_mib"]["unit"]) == (2, "MiB")


@pytest.mark.usefixtures("client")
def test_one_or_all_values() -> None:
    assert run("get", "swap_mib") == "64\n"
    assert json.loads(run("get", "daemon", "--json")) == {}
    assert ["swap_mib", "64"] in [line.split() for line in run("get").splitlines()]


def test_what_is_set_is_sent_as_typed(client: Client) -> None:
    assert run("set", "swap_mib", "128") == ("swap_mib is set\nTakes effect after a restart: slipway restart\n")
    assert run("set", "daemon.debug", "true") == "daemon.debug is set\n"
    assert client.sent == [("swap_mib", "128"), ("daemon.debug", "true")]


def test_names_are_completed() -> None:
    command = settings_group(Extended).commands["get"]
    parameter = command.params[0]
    found = parameter.shell_complete(click.Context(command), "sw")
    assert [(item.value, item.help) for item in found] == [("swap_mib", "Swap")]
