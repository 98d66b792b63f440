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
from engine.client.errors import Conflict
from engine.client.streams import MULTIPLEXED, Duplex
from vm.errors import UserError

FIND_SHELL = "for s in bash zsh ash sh; do p=$(command -v $s) && exec $p; done; exec sh"
"""What ``/bin/sh`` is asked to become: the best shell there is."""

SHELLS: tuple[tuple[str, list[list[str]]], ...] = (
    ("Shell", [["/bin/sh", "-c", FIND_SHELL], ["/bin/bash"], ["/busybox/sh"]]),
    ("/bin/bash", [["/bin/bash"]]),
    ("/bin/sh", [["/bin/sh"]]),
    ("Attach to the main process", []),
)
"""What is offered, and the commands that are tried for it, in order; without one, the process is attached to."""

ATTACH = len(SHELLS) - 1
NO_SHELL = (126, 127)
"""Exit codes of a command that could not be run."""

REFUSED = b"OCI runtime exec failed"
"""How the engine's answer begins then, on the terminal itself."""


class ShellPanel(QWidget):
    """One terminal; it can be begun again."""

    def __init__(self, context: Context, key: str, *, attach: bool = False) -> None:
        super().__init__()
        self._context, self._key = context, key
        self.terminal = Terminal("Terminal in the container")
        self.kind = QComboBox()
        self.kind.setAccessibleName("What to run")
        self.kind.addItems([name for name, _ in SHELLS])
        self.kind.setCurrentIndex(ATTACH if attach else 0)
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
        context.session.engine_gone.connect(self._gone)
        self.terminal.detached.connect(self._detached)
        self.connect_now()

    def connect_now(self) -> None:
        """Begin a session, ending the one before."""
        if self._work is not None:
            self._work.cancel()
        self.terminal.cells.reset()
        commands = SHELLS[self.kind.currentIndex()][1]
        self.note.setText("Connecting …")
        line = self._line = Line(self._context, self._key, commands, self.terminal.size_in_cells)
        self._work = self._context.session.bridge.follow(
            line.output, self._take, self._ended, self._failed, owner=self
        )
        self.terminal.setFocus()

    def _take(self, chunks: list[bytes]) -> None:
        self.note.setText("Ctrl-P Ctrl-Q detaches")
        self.terminal.feed(b"".join(chunks))

    def _ended(self) -> None:
        code = self._line.code if self._line else None
        if self._line is not None and self._line.refused:
            self.note.setText("There is no shell in this container: attach to its process, or look at its files")
        else:
            self.note.setText("The session has ended" + ("" if code is None else f" with exit code {code}"))
        self._line = None

    def _failed(self, error: UserError) -> None:
        idle = isinstance(error, Conflict) and "is not running" in error.message
        self.note.setText("The container is not running: start it first" if idle else error.message)
        self._line = None

    def _gone(self) -> None:
        if self._work is not None:
            self._work.cancel()
        self._line = None
        self.note.setText("The engine went away: reconnect when it is back")

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

    def __init__(self, context: Context, key: str, commands: list[list[str]], size: tuple[int, int]) -> None:
        self._containers = context.session.engine.containers
        self._key, self._commands, self._size = key, commands, size
        self._input: asyncio.Queue[bytes] = asyncio.Queue()
        self._sized = asyncio.Event()
        self.code: int | None = None
        self.refused = False

    async def output(self) -> AsyncIterator[bytes]:
        """Open the session and give its output until it ends."""
        if not self._commands:
            duplex = await self._containers.attach(self._key, logs=True)
            async for data in self._serve(duplex, None):
                yield data
        for command in self._commands:
            rows, columns = self._size
            made = await self._containers.exec(
                self._key, command, Tty=True, Env=["TERM=xterm-256color"], ConsoleSize=[rows, columns]
            )
            async for data in self._serve(await made.start(), made):
                yield data
            self.code = (await made.inspect()).get("ExitCode")
            if not self.refused:
                return

    async def _serve(self, duplex: Duplex, made: Exec | None) -> AsyncIterator[bytes]:
        helpers = [asyncio.create_task(self._type_all(duplex)), asyncio.create_task(self._size_all(made))]
        self.refused, first = False, True
        bare = duplex.content_type.startswith(MULTIPLEXED)  # no terminal there makes CR LF of a line's end
        try:
            async with duplex:
                yield b""
                async for frame in duplex.frames():
                    self.refused = first and made is not None and frame.data.startswith(REFUSED)
                    first = False
                    if not self.refused:
                        yield frame.data.replace(b"\n", b"\r\n") if bare else frame.data
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
