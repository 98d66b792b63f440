"""One build of a test's own: its folder, its image, and ``docker buildx build`` on them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.e2e.cli import Program, Result

TOO_LONG = 240.0
"""Seconds for one build, on an emulated machine that is busy."""


@dataclass(frozen=True)
class Builds:
    """Builds in one folder.

    :ivar image: what they begin with.
    :ivar tag: the name of what is built, removed afterwards.
    """

    docker: Program
    folder: Path
    image: str
    tag: str

    def write(self, *lines: str, name: str = "Dockerfile") -> None:
        """Write a recipe that begins with the image."""
        (self.folder / name).write_text("\n".join((f"FROM {self.image}", *lines, "")), encoding="utf-8")

    def run(self, *options: str | Path, environment: dict[str, str] | None = None) -> Result:
        """Build it, whatever comes of it, with plain progress."""
        program = Program(self.docker.argv, {**self.docker.environment, **(environment or {})})
        return program.run("buildx", "build", "--progress=plain", *options, self.folder, timeout=TOO_LONG)

    def __call__(self, *options: str | Path, environment: dict[str, str] | None = None) -> str:
        """Build it; what the progress says."""
        told = self.run(*options, environment=environment)
        assert told.code == 0, f"\n{told}"
        return told.err

    def fails(self, *options: str | Path) -> str:
        """Build it in vain; what the progress says."""
        told = self.run(*options)
        assert told.code != 0, f"\n{told}"
        return told.err

    def shows(self, *command: str) -> str:
        """What a command prints in a container of the built image."""
        return self.docker("run", "--rm", self.tag, *command)
