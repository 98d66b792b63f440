"""Runs as an administrator: ``python -m desktop.windows_engine install|configure|remove …``. See setup.py.

What it has to say goes to a file, since a process that Windows elevates has no output of its caller's: one JSON
object, ``{"restart": …}`` or ``{"error": …, "hint": …, "detail": …}``.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from desktop.windows_engine.commands import Commands
from desktop.windows_engine.places import Places
from desktop.windows_engine.setup import Plan, Setup
from vm.errors import HostError


def main(arguments: list[str]) -> int:
    """0: done; 1: a step has failed; 2: wrong usage."""
    parser = argparse.ArgumentParser(prog="desktop.windows_engine")
    parser.add_argument("--report", type=Path, required=True)
    commands = parser.add_subparsers(dest="command", required=True)
    install = commands.add_parser("install")
    install.add_argument("--program", type=Path, required=True)
    install.add_argument("--user", required=True)
    install.add_argument("--sid", required=True)
    install.add_argument("--feature", action="append", default=[])
    configure = commands.add_parser("configure")
    for one in (install, configure):
        one.add_argument("--settings", type=Path, required=True)
    remove = commands.add_parser("remove")
    remove.add_argument("--data", action="store_true")
    remove.add_argument("--features", action="store_true")
    options = parser.parse_args(arguments)
    steps: list[str] = []
    setup = Setup(Places.of(), Commands(), steps.append)
    try:
        if options.command == "install":
            settings = _settings(options.settings)
            restart = setup.install(Plan(options.program, options.user, options.sid, options.feature, settings))
        elif options.command == "configure":
            restart = False
            setup.configure(_settings(options.settings))
        else:
            restart = setup.remove(data=options.data, features=options.features)
    except HostError as error:
        report: dict[str, object] = {
            "error": error.message,
            "hint": error.hint,
            "detail": f"while {steps[-1] if steps else 'it began'}\n{error.detail}",
        }
    except Exception as error:  # noqa: BLE001 - whoever waits has nothing but the report
        report = {"error": f"It failed unexpectedly: {error!r}", "hint": "", "detail": "\n".join(steps)}
    else:
        report = {"restart": restart}
    options.report.write_text(json.dumps(report), encoding="utf-8")
    return 1 if "error" in report else 0


def _settings(path: Path) -> dict[str, Any]:
    """What the user's process has written. :raise HostError: it cannot be read."""
    try:
        return dict(json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError) as error:
        raise HostError("The settings cannot be read", "Try again.", repr(error)) from error


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
