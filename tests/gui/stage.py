"""A window on the stand-in, in a home of its own; for the tests and for the screenshots."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtWidgets import QApplication

from desktop.ui.bridge import Bridge
from desktop.ui.session import Session
from desktop.ui.theme import Theme
from desktop.ui.window import AT_FIRST, Window
from tests.gui import standin

PATIENCE = 60.0 if sys.platform != "win32" else 300.0
"""Seconds to wait for what the stand-in answers in moments, where a machine may boot at the same time, or Windows'
programs run by Wine."""


def until(test: Callable[[], object], what: str = "", seconds: float = PATIENCE) -> None:
    """Let Qt go on until ``test`` holds.

    :raise AssertionError: it did not within ``seconds``.
    """
    end = time.monotonic() + seconds
    while not test():
        assert time.monotonic() < end, f"in vain: {what or test}"
        loop = QEventLoop()
        QTimer.singleShot(10, loop.quit)
        loop.exec()


@contextmanager
def home(scenario: str, *, begun: bool = True) -> Iterator[Path]:
    """A home whose supervisor is the stand-in; it has ended afterwards.

    :param begun: it runs already; otherwise the window starts it, as on a user's computer.
    """
    with tempfile.TemporaryDirectory(prefix="slipway-", dir="/tmp") as folder:
        changes = {
            "SLIPWAY_HOME": folder,
            "SLIPWAY_FAKE": scenario,
            "DOCKER_CONFIG": f"{folder}/docker",
            "XDG_CONFIG_HOME": f"{folder}/config",
            "XDG_DATA_HOME": f"{folder}/share",
        }
        before = {name: os.environ.get(name) for name in changes}
        os.environ.update(changes)
        try:
            if begun:
                standin.begin()
            yield Path(folder)
        finally:
            standin.stop()
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


@contextmanager
def window(app: QApplication, scheme: str = "light", *, found: bool = True) -> Iterator[Window]:
    """A window that is shown and has found the stand-in.

    :param found: otherwise it may be looking for it still.
    """
    theme = app.findChild(Theme) or Theme(app, scheme)
    theme.use(scheme)
    bridge = Bridge()
    session = Session(bridge)
    made = Window(session)
    made.resize(AT_FIRST)  # the screen in memory is smaller
    made.show()
    session.open()
    try:
        until(lambda: session.status is not None or not found, "the stand-in's status")
        yield made
    finally:
        session.close()
        made.close()
        bridge.close()
        made.deleteLater()
        app.processEvents()
