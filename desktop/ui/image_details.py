"""Fetches the details of images that the engine's list lacks and that never change: platform and layers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable

from PySide6.QtCore import QObject, Signal

from desktop.ui.bridge import Work
from desktop.ui.engine_view import EngineView
from desktop.ui.models.collections import Collection
from desktop.ui.models.images import ImageDetails
from engine.client import EngineClient
from engine.client.errors import NotFound
from engine.client.models import Image
from vm.errors import UserError

AT_ONCE = 2
"""Parallel requests: each is a stream into the machine."""


class DetailsLoader(QObject):
    """Fetches the details of all images in the background, once for each image.

    :ivar known: image ID → its details; kept as long as the image exists.
    """

    changed = Signal()

    def __init__(self, view: EngineView, images: Collection[Image]) -> None:
        super().__init__(view)
        self._view = view
        self._images = images
        self._work: Work | None = None
        self._wanted = False
        self.known: dict[str, ImageDetails] = {}
        images.changed.connect(self._fetch)

    def watch(self, wanted: bool) -> None:
        """Fetch missing details from now on, or stop doing so."""
        self._wanted = wanted
        self._fetch()

    def _fetch(self) -> None:
        if not self._images.known:
            return
        present = {image.id for image in self._images.items}
        for key in set(self.known) - present:
            del self.known[key]
        missing = [key for key in present if key not in self.known]
        if self._wanted and missing and self._work is None:
            self._work = self._view.bridge.follow(
                lambda: read_details(self._view.engine, missing), self._take, self._end, self._fail, owner=self
            )

    def _take(self, fetched: list[tuple[str, ImageDetails]]) -> None:
        self.known.update(fetched)
        self.changed.emit()

    def _end(self) -> None:
        self._work = None
        self._fetch()

    def _fail(self, error: UserError) -> None:
        self._work = None  # the engine is gone; when it is back, the list changes and fetching resumes


async def read_details(engine: EngineClient, keys: Iterable[str]) -> AsyncGenerator[tuple[str, ImageDetails]]:
    """Yield ID and details of each image, in any order; empty details for an image removed in the meantime.

    :raise EngineError: the engine went away.
    """
    pending = iter(list(keys))
    fetched: asyncio.Queue[tuple[str, ImageDetails] | None] = asyncio.Queue()

    async def fetch() -> None:
        for key in pending:
            try:
                fetched.put_nowait((key, ImageDetails.of(await engine.images.inspect(key))))
            except NotFound:
                fetched.put_nowait((key, ImageDetails("", ())))

    async def fetch_all() -> None:
        await asyncio.gather(*(fetch() for _ in range(AT_ONCE)))

    task = asyncio.create_task(fetch_all())
    task.add_done_callback(lambda _: fetched.put_nowait(None))
    try:
        while (item := await fetched.get()) is not None:
            yield item
        await task
    finally:
        task.cancel()
