"""A Compose project of a test's own, in a folder that containers can mount, and the wait for what it does."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.cli import Program

SECONDS = 90.0
"""Within which a container does what it is asked, on an emulated machine that is busy."""


def eventually(test: Callable[[], object], what: str, seconds: float = SECONDS) -> None:
    """Wait until ``test`` holds.

    :raise AssertionError: it did not within ``seconds``.
    """
    deadline = time.monotonic() + seconds
    while not test():
        assert time.monotonic() < deadline, f"in vain: {what}"
        time.sleep(0.1)


@dataclass(frozen=True)
class Project:
    """A project.

    :ivar folder: holds its file; a shared one, so that its services can mount what is in it.
    :ivar image: what its services run.
    :ivar compose: ``docker compose`` with the project's name and file.
    """

    name: str
    folder: Path
    image: str
    docker: Program
    compose: Program

    def service(self, script: str = "sleep 1000", **more: Any) -> dict[str, Any]:
        """A service that runs a shell script and is ended at once when it is to stop."""
        common = {"image": self.image, "pull_policy": "never", "stop_signal": "KILL"}
        return {**common, "command": ["sh", "-c", script], **more}

    def write(self, services: dict[str, dict[str, Any]], **more: Any) -> None:
        """Write the project's file; Compose reads JSON as YAML."""
        file = {"services": services, **more}
        (self.folder / "compose.yaml").write_text(json.dumps(file), encoding="utf-8")

    def container(self, service: str) -> str:
        """The name of a service's first container."""
        return f"{self.name}-{service}-1"

    def inspect(self, service: str, template: str) -> str:
        """What the engine says about that container."""
        return self.docker("inspect", "-f", template, self.container(service))

    def exec(self, service: str, *command: str) -> str:
        """What a command prints in it."""
        return self.compose("exec", "-T", service, *command)

    def states(self) -> dict[str, str]:
        """Service → its state, of all containers."""
        listed = self.compose("ps", "-a", "--format", "json").splitlines()
        return {entry["Service"]: entry["State"] for entry in map(json.loads, listed)}


def project_in(folder: Path, name: str, docker: Program, image: str) -> Project:
    """A project whose file is in ``folder``."""
    words = ("compose", "-p", name, "-f", str(folder / "compose.yaml"))
    return Project(name, folder, image, docker, Program((*docker.argv, *words), docker.environment))
