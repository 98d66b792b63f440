"""Credential helpers that are missing: found, taken out when asked, and put back, with nothing else touched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.context_store import ContextError
from engine.helpers import Helpers

LEFT = {
    "auths": {"registry.test": {"auth": "YTpi"}},
    "credsStore": "desktop",
    "credHelpers": {"a.test": "ecr-login", "b.test": "there"},
    "currentContext": "slipway",
}


class Config:
    """A Docker configuration, and a PATH with one helper."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "config.json"
        self.file.write_text(json.dumps(LEFT))
        program = folder / "docker-credential-there"
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        self.helpers = Helpers(folder / "memory.json", {"DOCKER_CONFIG": str(folder), "PATH": str(folder)})

    def read(self) -> dict[str, Any]:
        values: dict[str, Any] = json.loads(self.file.read_text())
        return values


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(tmp_path)


def test_out_and_back(config: Config) -> None:
    assert config.helpers.missing() == {"credsStore": "desktop", "credHelpers.a.test": "ecr-login"}
    assert "slipway credentials restore" in config.helpers.take_out()
    wanted = {key: value for key, value in LEFT.items() if key != "credsStore"}
    assert config.read() == {**wanted, "credHelpers": {"b.test": "there"}}
    assert config.helpers.missing() == {}
    assert "Nothing was changed" in config.helpers.take_out()
    config.helpers.put_back()
    assert config.read() == LEFT
    assert config.helpers.put_back() == "Nothing to restore"


def test_what_the_user_has_set_since_stays(config: Config) -> None:
    config.helpers.take_out()
    config.file.write_text(json.dumps({**config.read(), "credsStore": "pass"}))
    config.helpers.put_back()
    assert config.read()["credsStore"] == "pass"
    assert config.read()["credHelpers"] == LEFT["credHelpers"]


def test_a_file_that_is_nonsense_is_left_alone(config: Config) -> None:
    config.file.write_text("{")
    with pytest.raises(ContextError):
        config.helpers.take_out()
    assert config.file.read_text() == "{"


@pytest.mark.parametrize("text", ["{", "[]", '{"folders": []}'])
def test_a_record_that_cannot_be_used_is_kept(config: Config, text: str) -> None:
    record = config.file.parent / "memory.json"
    record.write_text(text)
    before = config.file.read_text()
    for act in (config.helpers.take_out, config.helpers.put_back):
        with pytest.raises(ContextError, match="was not changed"):
            act()
    assert (record.read_text(), config.file.read_text()) == (text, before)
