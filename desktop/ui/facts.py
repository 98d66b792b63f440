"""What never changes about an image and is not in the engine's list: platform and layers, asked for once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject, Signal

from desktop.ui.bridge import Work
from desktop.ui.models.collections import Collection
from desktop.ui.session import Session
from engine.client import EngineClient
from engine.client.errors import NotFound
from engine.client.models import Image
from vm.errors import UserError

AT_ONCE = 2
"""Images that are asked for at the same time: each is a stream into the machine."""


@dataclass(frozen=True)
class Fact:
    """One image. :ivar layers: the digests of its layers' contents, the lowest first."""

    platform: str
    layers: tuple[str, ...]

    @classmethod
    def of(cls, values: dict[str, Any]) -> Fact:
        """Out of what inspecting tells."""
        parts = (values.get("Os"), values.get("Architecture"), values.get("Variant"))
        layers = (values.get("RootFS") or {}).get("Layers") or ()
        return cls("/".join(str(part) for part in parts if part), tuple(layers))


class Facts(QObject):
    """:ivar known: image's ID → what is known of it; kept as long as the image is there."""

    changed = Signal()

    def __init__(self, session: Session, images: Collection[Image]) -> None:
        super().__init__(session)
        self._session = session
        self._images = images
        self._work: Work | None = None
        self._wanted = False
        self.known: dict[str, Fact] = {}
        images.changed.connect(self._ask)

    def watch(self, wanted: bool) -> None:
        """Ask for what is missing, or stop to."""
        self._wanted = wanted
        self._ask()

    def _ask(self) -> None:
        if not self._images.known:
            return
        here = {image.id for image in self._images.items}
        for key in set(self.known) - here:
            del self.known[key]
        missing = [key for key in here if key not in self.known]
        if self._wanted and missing and self._work is None:
            self._work = self._session.bridge.follow(
                lambda: read_facts(self._session.engine, missing), self._take, self._end, self._fail, owner=self
            )

    def _take(self, told: list[tuple[str, Fact]]) -> None:
        self.known.update(told)
        self.changed.emit()

    def _end(self) -> None:
        self._work = None
        self._ask()

    def _fail(self, error: UserError) -> None:
        self._work = None  # the engine went away; when it is back, the list changes


async def read_facts(engine: EngineClient, keys: Iterable[str]) -> AsyncGenerator[tuple[str, Fact]]:
    """ID and facts of each image, in no order; of one that was removed meanwhile nothing is known.

    :raise EngineError: the engine went away.
    """
    left = iter(list(keys))
    told: asyncio.Queue[tuple[str, Fact] | None] = asyncio.Queue()

    async def ask() -> None:
        for key in left:
            try:
                told.put_nowait((key, Fact.of(await engine.images.inspect(key))))
            except NotFound:
                told.put_nowait((key, Fact("", ())))

    async def everybody() -> None:
        await asyncio.gather(*(ask() for _ in range(AT_ONCE)))

    works = asyncio.create_task(everybody())
    works.add_done_callback(lambda _: told.put_nowait(None))
    try:
        while (fact := await told.get()) is not None:
            yield fact
        await works
    finally:
        works.cancel()
