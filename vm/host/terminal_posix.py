"""The terminal that a program was started in, on Linux and macOS: termios(3), and SIGWINCH for its size."""

from __future__ import annotations

import os
import signal
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from vm.host.common import terminal_size

assert sys.platform != "win32"

INPUT, OUTPUT = 0, 1
CHUNK = 4096


class PosixTerminal:
    """See :class:`vm.host.base.Terminal`."""

    @property
    def name(self) -> str:
        return os.environ.get("TERM") or "dumb"

    def size(self) -> tuple[int, int]:
        return terminal_size(OUTPUT)

    @contextmanager
    def taken(self, resized: Callable[[], None]) -> Iterator[None]:
        before = termios.tcgetattr(INPUT)
        handler = signal.signal(signal.SIGWINCH, lambda *_: resized())
        try:
            tty.setraw(INPUT, termios.TCSADRAIN)  # what was typed already is kept
            yield
        finally:
            signal.signal(signal.SIGWINCH, handler)
            termios.tcsetattr(INPUT, termios.TCSADRAIN, before)

    def read(self) -> bytes:
        return os.read(INPUT, CHUNK)

    def write(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[os.write(OUTPUT, left) :]
