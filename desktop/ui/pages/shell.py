"""A terminal in a container: a shell that is looked for, or its main process's own terminal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from PySide6.QtWidgets import QComboBox, QVBoxLayout, QWidget

from desktop.ui.bridge import Work
from desktop.ui.context import Context
from desktop.ui.theme import GAP
from desktop.ui.widgets.basics import button, label, row
from desktop.ui.widgets.terminal import Terminal
from engine.client.containers import Exec
from engine.client.streams import Duplex
from vm.errors import UserError

FIND_SHELL = "for s in bash zsh ash sh; do p=$(command -v $s) && exec $p; done; exec sh"
"""What ``/bin/sh`` is asked to become: the best shell there is."""

SHELLS = (
    ("Shell", ["/bin/sh", "-c", FIND_SHELL]),
    ("/bin/bash", ["/bin/bash"]),
    ("/bin/sh", ["/bin/sh"]),
    ("Attach to the main process", None),
)


class ShellPanel(QWidget):
    """One terminal; it can be begun again."""

    def __init__(self, context: Context, key: str) -> None:
        super().__init__()
        self._context, self._key = context, key
        self.terminal = Terminal("Terminal in the container")
        self.kind = QComboBox()
        self.kind.setAccessibleName("What to run")
        self.kind.addItems([name for name, _ in SHELLS])
        self.note = label("", "muted")
        self.again = button("Reconnect", self.connect_now, picture="refresh")
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(GAP)
        outer.addLayout(row(self.kind, self.again, self.note, None))
        outer.addWidget(self.terminal, 1)
        self._work: Work | None = None
        self._line: Line | None = None
        self.kind.activated.connect(self.connect_now)
        self.terminal.typed.connect(self._typed)
        self.terminal.resized.connect(self._resized)
        self.terminal.detached.connect(self._detached)
        self.connect_now()

    def connect_now(self) -> None:
        """Begin a session, ending the one before."""
        if self._work is not None:
            self._work.cancel()
        self.terminal.cells.reset()
        command = SHELLS[self.kind.currentIndex()][1]
        self.note.setText("Connecting …")
        line = self._line = Line(self._context, self._key, command, self.terminal.size_in_cells)
        self._work = self._context.session.bridge.follow(
            line.output, self._take, self._ended, self._failed, owner=self
        )
        self.terminal.setFocus()

    def _take(self, chunks: list[bytes]) -> None:
        self.note.setText("Ctrl-P Ctrl-Q detaches")
        self.terminal.feed(b"".join(chunks))

    def _ended(self) -> None:
        code = self._line.code if self._line else None
        self.note.setText("The session has ended" + ("" if code is None else f" with exit code {code}"))
        self._line = None

    def _failed(self, error: UserError) -> None:
        self.note.setText(error.message)
        self._line = None

    def _detached(self) -> None:
        if self._work is not None:
            self._work.cancel()
        self._line = None
        self.note.setText("Detached; what runs goes on")

    def _typed(self, data: bytes) -> None:
        line = self._line
        if line is not None:
            self._context.session.bridge.post(lambda: line.type(data))

    def _resized(self, rows: int, columns: int) -> None:
        line = self._line
        if line is not None:
            self._context.session.bridge.post(lambda: line.resize(rows, columns))


class Line:
    """The asyncio side of a session: output, input in order, and the size."""

    def __init__(self, context: Context, key: str, command: list[str] | None, size: tuple[int, int]) -> None:
        self._containers = context.session.engine.containers
        self._key, self._command, self._size = key, command, size
        self._input: asyncio.Queue[bytes] = asyncio.Queue()
        self._sized = asyncio.Event()
        self.code: int | None = None

    async def output(self) -> AsyncIterator[bytes]:
        """Open the session and give its output until it ends."""
        rows, columns = self._size
        made: Exec | None = None
        if self._command is None:
            duplex = await self._containers.attach(self._key)
        else:
            made = await self._containers.exec(
                self._key, self._command, Tty=True, Env=["TERM=xterm-256color"], ConsoleSize=[rows, columns]
            )
            duplex = await made.start()
        helpers = [asyncio.create_task(self._type_all(duplex)), asyncio.create_task(self._size_all(made))]
        try:
            async with duplex:
                yield b""
                async for frame in duplex.frames():
                    yield frame.data
            if made is not None:
                self.code = (await made.inspect()).get("ExitCode")
        finally:
            for helper in helpers:
                helper.cancel()

    def type(self, data: bytes) -> None:
        """Send input, after what was sent before."""
        self._input.put_nowait(data)

    def resize(self, rows: int, columns: int) -> None:
        """Tell the size, the last one counts."""
        self._size = rows, columns
        self._sized.set()

    async def _type_all(self, duplex: Duplex) -> None:
        while True:
            await duplex.write(await self._input.get())

    async def _size_all(self, made: Exec | None) -> None:
        self._sized.set()
        while True:
            await self._sized.wait()
            self._sized.clear()
            if made is not None:
                await made.resize(*self._size)
            else:
                await self._containers.resize(self._key, *self._size)
