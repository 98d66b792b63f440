"""Opening the window from elsewhere: a process of its own, which raises the one that is open."""

from __future__ import annotations

import importlib.util
import subprocess

from vm.errors import HostError
from vm.host import host, programs

MODULE = "desktop.ui"

FAILS_WITHIN = 1.0
"""Seconds in which a window that cannot be opened ends; one that raised another ends as soon."""


def open_window(*, background: bool = False) -> None:
    """Open the window, or bring the one that is open to the front.

    :param background: show the tray icon only, and leave a window that is open as it is.
    :raise HostError: Qt is not installed, or there is no screen.
    """
    if importlib.util.find_spec("PySide6") is None:
        raise HostError(
            "Slipway's window needs Qt, which is not installed", "Install it: pip install PySide6-Essentials"
        )
    paths = host().paths()
    paths.prepare()
    output = paths.logs / "window.out"
    arguments = ("--background",) if background else ()
    process = programs.start(MODULE, *arguments, flags=host().spawn_flags(), output=output)
    try:
        code = process.wait(FAILS_WITHIN)
    except subprocess.TimeoutExpired:
        return
    if code != 0:
        hint = "It needs a screen. On Linux set DISPLAY or WAYLAND_DISPLAY."
        raise HostError("The window could not be opened", hint, output.read_text(errors="replace")[-2000:])
