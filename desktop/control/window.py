"""Opening the window from elsewhere: a process of its own, which raises the one that is open.

It has succeeded when the window's process says so: with one line on its standard output, which is a pipe.
"""

from __future__ import annotations

import importlib.util
import queue
import subprocess
import threading
from pathlib import Path

from desktop.control.codec import DecodeError, decode
from desktop.control.schema import Event
from vm.errors import HostError
from vm.host import host, programs

MODULE = "desktop.ui"

REPORT = "--report"
"""The argument with which the window's process reports."""

SHOWN_SECONDS = 60.0
"""For a window to appear; on two busy cores it takes two or three."""


def open_window(*, background: bool = False) -> None:
    """Open the window, or bring the one that is open to the front; returns when it is shown.

    :param background: show the tray icon only, and leave a window that is open as it is.
    :raise HostError: Qt is not installed, or the window is not shown.
    :raise RemoteError: the window cannot be shown, with the reason; for example there is no display.
    """
    if importlib.util.find_spec("PySide6") is None:
        raise HostError(
            "Slipway's window needs Qt, which is not installed", "Install it: pip install PySide6-Essentials"
        )
    paths = host().paths()
    paths.prepare()
    output = paths.logs / "window.out"
    arguments = (REPORT, *(("--background",) if background else ()))
    process = programs.start(MODULE, *arguments, flags=host().spawn_flags(), output=output, piped=True)
    try:
        line = _first_line(process).get(timeout=SHOWN_SECONDS)
    except queue.Empty:
        hint = f"It is still starting, as process {process.pid}. What it prints is in {output}."
        raise HostError(f"The window has not appeared within {SHOWN_SECONDS:.0f} s", hint) from None
    try:
        event = decode(Event, line)
    except DecodeError:  # it has ended without a word
        hint = f"What it printed is in {output}."
        raise HostError("The window ended before it was shown", hint, _tail(output)) from None
    if event.error is not None:
        raise event.error.to_error()


def _first_line(process: subprocess.Popen[bytes]) -> queue.SimpleQueue[bytes]:
    """What a process writes first, empty when it ends without. Pipes have no timeout, so a thread waits."""
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    stream = process.stdout
    assert stream is not None

    def read() -> None:
        with stream:
            lines.put(stream.readline())

    threading.Thread(target=read, name="the window's report", daemon=True).start()
    return lines


def _tail(output: Path) -> str:
    try:
        return output.read_text(encoding="utf-8", errors="replace")[-2000:]
    except OSError as error:
        return f"{output}: {error.strerror}"
