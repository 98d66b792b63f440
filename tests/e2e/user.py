"""A user at the screen: reads what a screen reader gets, and has a mouse and a keyboard, nothing else.

xdotool sends events to the X server (XTEST), which delivers them to the window like those of real devices.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable

from installers.checkout import system
from tests.e2e.reader import FOCUSED, WAIT_SECONDS, Item, Reader
from tests.e2e.screen import Screen

KEY_MS = "15"
"""Between two keys, in milliseconds: a quick typist."""

MAIN = "Slipway"
"""The main window's title."""


def await_true(test: Callable[[], object], what: str, seconds: float = WAIT_SECONDS) -> None:
    """Wait until ``test`` holds.

    :raise AssertionError: it did not within ``seconds``.
    """
    deadline = time.monotonic() + seconds
    while not test():
        assert time.monotonic() < deadline, f"in vain: {what}"
        time.sleep(0.1)


class User:
    """One user at one screen. Without a window manager a click gives a window the keyboard."""

    def __init__(self, screen: Screen, reader: Reader) -> None:
        program = system.find_program("xdotool")
        assert program, "xdotool is missing: python3 installers/dev.py setup"
        self._xdotool = program
        self._display = {"DISPLAY": screen.display}
        self.reader = reader

    def click(self, name: str, role: str = "", *, window: str = MAIN, times: int = 1) -> Item:
        """Click on something as soon as it can be used and stays where it is."""
        item = self.reader.find(window, name, role)
        place = self.reader.middle(item)
        deadline = time.monotonic() + WAIT_SECONDS
        while (now := self.reader.middle(item)) != place and time.monotonic() < deadline:
            place = now
        x, y = place
        self._do("mousemove", "--sync", str(x), str(y), "click", "--repeat", str(times), "--delay", "60", "1")
        return item

    def fill(self, name: str, text: str, *, window: str) -> None:
        """Click into a field and type over what is in it."""
        self.click(name, "text", window=window)
        await_true(lambda: self.reader.find(window, name, "text").has(FOCUSED), f"the focus is in {name}")
        self.press("ctrl+a")
        self.type(text)

    def type(self, text: str) -> None:
        """Type on the keyboard."""
        self._do("type", "--delay", KEY_MS, "--", text)

    def press(self, *keys: str) -> None:
        """Press keys, in X's names: ``Return``, ``ctrl+n``."""
        self._do("key", "--delay", KEY_MS, *keys)

    def _do(self, *words: str) -> None:
        subprocess.run([self._xdotool, *words], env=self._display, check=True, timeout=WAIT_SECONDS)
