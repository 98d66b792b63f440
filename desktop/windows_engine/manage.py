"""Setup and removal as the user asks for them, done by a process that Windows elevates."""

from __future__ import annotations

import getpass
import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from desktop.windows_engine import elevation
from desktop.windows_engine.requirements import look, missing_features, obstacle, requirements
from vm.errors import HostError
from vm.host import programs
from vm.host.paths import bundled_docker
from vm.host.windows_security import user_sid

MODULE = "desktop.windows_engine"

Elevate = Callable[[Sequence[str]], int]


def install(settings: Mapping[str, Any], elevate: Elevate = elevation.run_elevated) -> bool:
    """Set the engine up; whether Windows has to be restarted. Blocks for minutes.

    :param settings: for its daemon.json.
    :raise HostError: this Windows cannot, the user has refused, or a step has failed.
    """
    found = requirements(look())
    if (one := obstacle(found)) is not None:
        raise HostError(f"Windows containers cannot be set up on this computer: {one.fix}")
    program = bundled_docker() / "dockerd.exe"
    if not program.is_file():
        raise HostError("The engine of Windows containers did not come with this Slipway", "", str(program))
    domain = os.environ.get("USERDOMAIN", "")
    user = f"{domain}\\{getpass.getuser()}" if domain else getpass.getuser()
    words = ["install", "--program", str(program), "--user", user, "--sid", user_sid()]
    for feature in missing_features(found):
        words += ["--feature", feature]
    return _have_done(words, elevate, settings)


def configure(settings: Mapping[str, Any], elevate: Elevate = elevation.run_elevated) -> None:
    """Use other settings in its daemon.json; an engine that runs is restarted. Blocks.

    :raise HostError: the user or dockerd has refused, or it does not start with them; the old ones count.
    """
    _have_done(["configure"], elevate, settings)


def remove(*, data: bool, features: bool, elevate: Elevate = elevation.run_elevated) -> bool:
    """Take it away again (:meth:`.setup.Setup.remove`); whether Windows has to be restarted.

    :raise HostError: the user has refused, or a step has failed.
    """
    more = [*(["--data"] if data else []), *(["--features"] if features else [])]
    return _have_done(["remove", *more], elevate)


def _have_done(words: Sequence[str], elevate: Elevate, settings: Mapping[str, Any] | None = None) -> bool:
    """:param settings: what the helper is to read; a file, since they may hold a password of a proxy's."""
    with tempfile.TemporaryDirectory(prefix="slipway-") as folder:
        report, given = Path(folder) / "report.json", Path(folder) / "settings.json"
        report.touch()  # ours, as is what it says; one that an administrator makes there only they can read
        if settings is not None:
            given.write_text(json.dumps(dict(settings)), encoding="utf-8")
            words = [*words, "--settings", str(given)]
        code = elevate(programs.program(MODULE, "--report", str(report), *words))
        try:
            told = json.loads(report.read_bytes())
        except (OSError, ValueError) as error:
            raise HostError(
                "It was interrupted before it was complete",
                "Run it again: it begins with what is missing. What is there now: slipway engine setup --check",
                f"the helper has ended with exit code {code}\n{error!r}",
            ) from error
    if "error" in told:
        raise HostError(told["error"], told["hint"], told["detail"])
    return bool(told["restart"])
