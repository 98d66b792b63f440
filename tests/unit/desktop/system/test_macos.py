"""macOS: the launch agent."""

from __future__ import annotations

import dataclasses
import plistlib
from pathlib import Path

import pytest

from desktop.system.base import Launch
from desktop.system.macos import MacSystem
from vm.errors import HostError

LAUNCH = Launch("slipway", ("/opt/python", "-m", "desktop.cli", "open", "--background"))


def test_at_login(tmp_path: Path) -> None:
    system = MacSystem(tmp_path / "LaunchAgents")
    launch = dataclasses.replace(LAUNCH, environment={"SLIPWAY_HOME": "/x"})
    system.start_at_login(launch, True)
    agent = tmp_path / "LaunchAgents" / "org.slipway.slipway.plist"
    found = plistlib.loads(agent.read_bytes())
    assert found["ProgramArguments"] == list(LAUNCH.command)
    assert found["EnvironmentVariables"] == {"SLIPWAY_HOME": "/x"}
    assert found["RunAtLoad"] is True
    assert system.starts_at_login(launch)
    assert not system.starts_at_login(LAUNCH)
    system.start_at_login(launch, False)
    assert not system.starts_at_login(launch)
    assert list(agent.parent.iterdir()) == []


def test_the_menu_is_the_installers(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="installer"):
        MacSystem(tmp_path).add_to_menu(LAUNCH)
