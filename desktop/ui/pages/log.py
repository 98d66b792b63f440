"""A log of the engine's, followed: its frames as lines."""

from __future__ import annotations

import codecs
import itertools
from collections.abc import AsyncIterator, Callable

from desktop.ui.bridge import Work
from desktop.ui.context import Context
from desktop.ui.theme import theme
from desktop.ui.widgets.logview import LogView
from engine.client.streams import Frame
from vm.errors import UserError

STDERR = 2
"""The number of standard error among a container's streams; shown in another colour."""


class FrameLog(LogView):
    """Shows the frames of one log.

    :param frames: begins to read it.
    """

    def __init__(self, context: Context, name: str, frames: Callable[[], AsyncIterator[Frame]]) -> None:
        super().__init__(name)
        self._context, self._frames = context, frames
        self._work: Work | None = None
        theme().changed.connect(self.begin)  # lines already shown have the old colours

    def begin(self) -> None:
        """Fetch it anew."""
        if self._work is not None:
            self._work.cancel()
        self.clear()
        make = codecs.getincrementaldecoder("utf-8")  # a character may be split over two frames
        self._decoders = {False: make("replace"), True: make("replace")}
        self._work = self._context.session.bridge.follow(
            self._frames, self.append_frames, self.finish, self._failed, owner=self
        )

    def append_frames(self, frames: list[Frame]) -> None:
        """Append output; a character may be split over two frames."""
        for marked, found in itertools.groupby(frames, lambda frame: frame.stream == STDERR):
            self.append(self._decoders[marked].decode(b"".join(frame.data for frame in found)), marked=marked)

    def _failed(self, error: UserError) -> None:
        self.finish()
        self.found.setText(error.message)
