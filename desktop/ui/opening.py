"""Whether the window has appeared: Qt ends the process where it finds no screen, and a window is shown later."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import (
    QEvent,
    QLibraryInfo,
    QMessageLogContext,
    QObject,
    QtMsgType,
    qInstallMessageHandler,
)
from PySide6.QtWidgets import QWidget

from desktop.ui.report import Report
from vm.errors import HostError

PLATFORM = "QT_QPA_PLATFORM"
"""Environment variable: the names of the platform plugins that Qt is to try, each with options after a colon."""

BY_VARIABLE = {"WAYLAND_DISPLAY": "wayland-generic", "DISPLAY": "xcb"}
"""The plugin that Qt tries where a variable is set."""


def report_fatal_errors(report: Report) -> None:
    """Report why the window cannot be shown, until it is: Qt ends the process (abort(3)) and raises no error."""
    said: list[str] = []

    def handle(kind: QtMsgType, context: QMessageLogContext, text: str) -> None:
        print(text, file=sys.stderr, flush=True)
        said.append(text)
        if kind is QtMsgType.QtFatalMsg:
            report.failed(no_screen("\n".join(said)))
            os._exit(1)

    qInstallMessageHandler(handle)


def report_shown(report: Report) -> None:
    """The window is shown: from now on Qt's errors are its own again."""
    qInstallMessageHandler(None)
    report.shown()


def no_screen(said: str) -> HostError:
    """Why Qt finds no screen here. :param said: what Qt has printed."""
    for path in _plugins():
        try:
            ctypes.CDLL(str(path))
        except OSError as error:  # of dlopen(3): it names the library that is missing
            hint = "Install what it needs with your system's package manager."
            return HostError(f"Qt's plugin for the display cannot be loaded: {error}", hint, said)
    if os.environ.get(PLATFORM):
        message = f"Qt cannot use the platform “{os.environ[PLATFORM]}”, which {PLATFORM} names"
        return HostError(message, f"Unset {PLATFORM}, or correct it.", said)
    shown = " or ".join(f"{name}={os.environ[name]}" for name in BY_VARIABLE if os.environ.get(name))
    if shown:
        return HostError(
            f"The window cannot use the display {shown}", "See that it runs, and that you may use it.", said
        )
    hint = "Open it from your desktop: on Linux that sets DISPLAY or WAYLAND_DISPLAY. Over SSH: ssh -X"
    return HostError("There is no display to show the window on", hint, said)


def _plugins() -> list[Path]:
    """The files of the plugins that Qt has tried."""
    folder = Path(QLibraryInfo.path(QLibraryInfo.LibraryPath.PluginsPath)) / "platforms"
    named = [name.partition(":")[0] for name in os.environ.get(PLATFORM, "").split(";") if name]
    names = named or [plugin for variable, plugin in BY_VARIABLE.items() if os.environ.get(variable)]
    return [path for name in names if (path := folder / f"libq{name}.so").exists()]


def when_exposed(widget: QWidget, then: Callable[[], object]) -> None:
    """Call ``then`` once the windowing system shows something of a window for which ``show()`` was called."""
    handle = widget.windowHandle()
    if handle is None or handle.isExposed():
        then()
    else:
        handle.installEventFilter(_Exposure(handle, then))


class _Exposure(QObject):
    def __init__(self, parent: QObject, then: Callable[[], object]) -> None:
        super().__init__(parent)
        self._then = then

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.Expose:
            watched.removeEventFilter(self)
            self._then()
        return False
