"""Slipway's own logs: those on the host, those of the services in the machine, and that of the Windows engine."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path

from PySide6.QtWidgets import QComboBox, QDialog, QDialogButtonBox, QVBoxLayout, QWidget

from desktop.control.client import ControlClient
from desktop.ui.bridge import Work
from desktop.ui.context import Context
from desktop.ui.theme import GAP, MARGIN, PAD
from desktop.ui.widgets.basics import row
from desktop.ui.widgets.logview import LogView
from vm.errors import UserError

TAIL = 2000
"""Lines of each log, from its end."""

SOURCES = (
    ("Slipway", "supervisor"),
    ("Machine console", "console"),
    ("QEMU", "qemu"),
    ("dockerd", "dockerd"),
    ("containerd", "containerd"),
    ("sshd", "sshd"),
)
WINDOWS = ("Windows engine", "windows")
"""Where Windows containers can be."""

FOLLOW_SECONDS = 2.0
"""Between two reads of an engine's log that is looked at."""


class LogsDialog(QDialog):
    """Shows one log at a time."""

    def __init__(self, parent: QWidget, context: Context) -> None:
        super().__init__(parent)
        self.setWindowTitle("Logs")
        self.resize(900, 560)
        self._context = context
        self._work: Work | None = None
        self.source = QComboBox()
        self.source.setAccessibleName("Log")
        status = context.session.status
        windows = any(one.name == WINDOWS[1] and not one.obstacle for one in status.engines) if status else False
        for title, source in (*SOURCES, *([WINDOWS] if windows else [])):
            self.source.addItem(title, source)
        self.view = LogView("Log")
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(MARGIN, MARGIN, MARGIN, PAD)
        outer.setSpacing(GAP)
        outer.addLayout(row(self.source, None))
        outer.addWidget(self.view, 1)
        outer.addWidget(buttons)
        self.source.currentIndexChanged.connect(self._read)
        self.finished.connect(self._stop)
        self._read()

    def _stop(self) -> None:
        if self._work is not None:
            self._work.cancel()

    def _read(self) -> None:
        self._stop()
        self.view.clear()
        paths = self._context.session.paths
        files = {"supervisor": paths.supervisor_log, "console": paths.console_log, "qemu": paths.qemu_log}
        source = self.source.currentData()
        session = self._context.session
        if source in files:
            work = asyncio.to_thread(_tail, files[source])
            self._work = session.bridge.call(work, self._show, self._failed, owner=self)
        else:
            self._work = session.bridge.follow(
                lambda: _engine_log(session.client, source), self._take, None, self._failed, owner=self
            )

    def _take(self, texts: list[str]) -> None:
        self._show("".join(texts))

    def _show(self, text: str) -> None:
        self.view.append(text)
        self.view.finish()

    def _failed(self, error: UserError) -> None:
        self._show(f"{error.message}\n{error.hint}\n")


def _tail(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace") as stream:
            return "".join(deque(stream, maxlen=TAIL))
    except OSError as error:
        raise UserError("This log does not exist yet", "It is created at the first start.", str(error)) from error


async def _engine_log(client: ControlClient, source: str) -> AsyncIterator[str]:
    """The end of a log of an engine's, then what is written while it is looked at."""
    await client.ready(spawn=False)
    lines: deque[str] = deque(maxlen=TAIL)
    place = 0
    while (part := await client.guest_log(source, place)).text:
        lines.extend(part.text.splitlines(keepends=True))
        place = part.next
    yield "".join(lines)
    while True:
        await asyncio.sleep(FOLLOW_SECONDS)
        part = await client.guest_log(source, place)
        place = part.next
        if part.text:
            yield part.text
