"""The commands by name: version, help, and what a misspelt name was meant to be."""

from __future__ import annotations

import importlib.metadata

import click
import pytest

from desktop.cli.__main__ import main
from desktop.cli.group import COMMANDS, slipway


def asked(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Exit code, output and errors of a command."""
    code = main(list(words))
    out, err = capsys.readouterr()
    return code, out, err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(capsys, "--version") == (0, f"slipway {importlib.metadata.version('slipway')}\n", "")


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(capsys, "help") == asked(capsys, "--help")
    assert asked(capsys, "help", "settings") == asked(capsys, "settings", "--help")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(capsys: pytest.CaptureFixture[str], name: str) -> None:
    command = slipway.get_command(click.Context(slipway), name)
    paths = [(name,), *((name, below) for below in (command.commands if isinstance(command, click.Group) else ()))]
    for path in paths:
        code, out, err = asked(capsys, "help", *path)
        assert (code, err) == (0, "")
        assert out.startswith(f"Usage: slipway {' '.join(path)}")
        assert (code, out, err) == asked(capsys, *path, "--help")


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("strat",), "start"),
        (("settings", "gett"), "get"),
        (("disk", "inof"), "info"),
        (("help", "stats"), "status"),
        (("help", "settings", "sett"), "set"),
        (("--versoin",), "--version"),
        (("logs", "--sorce", "qemu"), "--source"),
        (("reset", "--keep-sytem-image"), "--keep-system-image"),
        (("login",), None),  # logs
        (("up",), None),
        (("volumes",), None),
        (("install",), None),
        (("run",), None),
        (("settings", "delete"), None),
        (("logs", "--since", "1h"), None),
        (("help", "start", "now"), None),
    ],
)
def test_a_name_is_suggested_only_when_near(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], meant: str | None
) -> None:
    code, out, err = asked(capsys, *words)
    assert (code, out) == (2, "")
    assert "Error: " in err
    if meant is None:
        assert "Did you mean" not in err
    else:
        assert err.endswith(f"Did you mean '{meant}'?\n")


@pytest.mark.parametrize(("name", "meant"), [("memry_mib", "memory_mib"), ("cpu", "cpus"), ("login", None)])
def test_a_setting_is_suggested_only_when_near(
    capsys: pytest.CaptureFixture[str], name: str, meant: str | None
) -> None:
    code, _, err = asked(capsys, "settings", "describe", name)
    assert code == 1
    assert (f"Did you mean “{meant}”?" in err) if meant else ("Did you mean" not in err)
