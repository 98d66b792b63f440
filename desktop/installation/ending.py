"""Ends the programs of a package, of every user, before its files are replaced or removed.

Each is asked to end as at the end of a session (SIGTERM): a supervisor stops its machine first, the window closes.
Clients of the engine, such as ``docker logs``, are not ended: they end with it, or go on with another one. What
starts the machines again, with the containers that restart by themselves, is a script for after the upgrade.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from desktop.installation.in_use import User, users, wait_until_unused

PYTHON = "python"
"""The folder whose programs are ours, below the package's."""

QEMU = "qemu-system"
"""What the names of the programs begin with that are a machine."""


@dataclass(frozen=True)
class Machine:
    """A machine that has been stopped: whose, and the environment of its supervisor."""

    user: str
    environment: Mapping[str, str]

    def restart(self, launcher: Path) -> str:
        """The line of a shell's script, for root, that starts it again and does not wait."""
        variables = [f"{name}={value}" for name, value in self.environment.items()]
        start = ["runuser", "-u", self.user, "--", "env", "-i", *variables, str(launcher), "start"]
        return f"setsid --fork {shlex.join(start)} </dev/null >/dev/null 2>&1\n"


def end(folder: Path, seconds: float) -> tuple[list[User], list[Machine]]:
    """Ask the programs in ``folder`` to end.

    :return: those that have not within ``seconds``, and the machines that have.
    """
    here = psutil.Process()
    besides = {here.pid, *(parent.pid for parent in here.parents())}
    machines = []
    for user in users(folder / PYTHON, besides):
        try:
            process = psutil.Process(user.pid)
            if any(child.name().startswith(QEMU) for child in process.children()):
                machines.append(Machine(process.username(), process.environ()))
            process.terminate()
        except psutil.NoSuchProcess:
            continue
    return wait_until_unused(folder / PYTHON, seconds), machines
