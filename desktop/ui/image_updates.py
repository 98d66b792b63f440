"""Whether the registry has another image under a name than the engine: asked for only when the user wants to know.

Docker Hub counts such a question as a pull, so nothing asks by itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from desktop.ui.bulk import Outcome, run_for_all
from desktop.ui.models.reader import Reader
from engine.client import EngineClient
from engine.client.models import Image

FAILURE = "{} could not be checked"


@dataclass(frozen=True)
class Checked:
    """One name that was asked for. :ivar newer: the registry has another image."""

    reference: str
    newer: bool


class Findings(Reader):
    """What was found. :ivar newer: the names that have updates."""

    def __init__(self) -> None:
        self.newer: list[str] = []
        self._asked = 0

    @property
    def note(self) -> str:
        count = len(self.newer)
        if self._asked < 2 or not count:
            return "There is an update" if count else "No updates"
        return f"{count} of {self._asked} images {'has' if count == 1 else 'have'} an update"

    @property
    def text(self) -> str:
        return "\n".join(self.newer)

    def take(self, steps: Iterable[Checked]) -> None:
        for step in steps:
            self._asked += 1
            if step.newer:
                self.newer.append(step.reference)


def is_newer(image: Image, digest: str) -> bool:
    """Whether what the registry has is another image. :param digest: that of the registry."""
    return bool(digest) and digest not in {name.partition("@")[2] for name in image.digests}


async def check(engine: EngineClient, names: Mapping[str, Image]) -> AsyncIterator[Checked]:
    """Ask the registries. :raise UserError: at the end, for those that did not answer."""
    found: dict[str, str] = {}

    async def ask(engine: EngineClient, name: str) -> None:
        values = await engine.images.distribution(name)
        found[name] = str((values.get("Descriptor") or {}).get("digest") or "")

    subjects: Sequence[tuple[str, str]] = [(name, name) for name in names]
    async with aclosing(run_for_all(engine, subjects, ask, FAILURE)) as outcomes:
        async for outcome in outcomes:
            if outcome.error is None:
                yield _checked(outcome, names, found)


def _checked(outcome: Outcome, names: Mapping[str, Image], found: Mapping[str, str]) -> Checked:
    return Checked(outcome.key, is_newer(names[outcome.key], found[outcome.key]))
