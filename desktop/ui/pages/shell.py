"""A terminal in a container: a shell, or the terminal of its main process."""

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
"""Script for ``/bin/sh``: replace it by the best shell in the container."""

SHELLS: tuple[tuple[str, list[list[str]]], ...] = (
    ("Shell", [["/bin/sh", "-c", FIND_SHELL], ["/bin/bash"], ["/busybox/sh"]]),
    ("/bin/bash", [["/bin/bash"]]),
    ("/bin/sh", [["/bin/sh"]]),
    ("Attach to the main process", []),
)
"""Choices, each with the commands to try in order; without a command, the terminal attaches to the process."""

ATTACH = len(SHELLS) - 1
NO_SHELL = (126, 127)
"""Exit codes of a command that cannot be run."""

REFUSED = b"OCI runtime exec failed"
"""The beginning of the engine's message on the terminal in that case."""


class ShellPanel(QWidget):
    """A terminal that can be reconnected."""

    def __init__(self, context: Context, key: str, *, attach: bool = False) -> None:
        super().__init__()
        self._context, self._key = context, key
        self.terminal = Terminal("Terminal in the container")
        self.kind = QComboBox()
        self.kind.setAccessibleName("Program")
        self.kind.addItems([name for name, _ in SHELLS])
        self.kind.setCurrentIndex(ATTACH if attach else 0)
        self.note = label("", "muted")
        self.again = button("Reconnect", self.connect_now, picture="refresh")
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(GAP)
        outer.addLayout(row(self.kind, self.again, self.note, None))
        outer.addWidget(self.terminal, 1)
        self.setFocusProxy(self.terminal)
        self._work: Work | None = None
        self._session: TerminalSession | None = None
        self.kind.activated.connect(self.connect_now)
        self.terminal.typed.connect(self._typed)
        self.terminal.resized.connect(self._resized)
        context.view.gone.connect(self._gone)
        self.terminal.detached.connect(self._detached)
        self.connect_now()

    def connect_now(self) -> None:
        """Begin a session; end the previous one."""
        if self._work is not None:
            self._work.cancel()
        self.terminal.cells.reset()
        commands = SHELLS[self.kind.currentIndex()][1]
        self.note.setText("Connecting …")
        session = self._session = TerminalSession(self._context, self._key, commands, self.terminal.size_in_cells)
        self._work = self._context.session.bridge.follow(
            session.output, self._take, self._ended, self._failed, owner=self
        )
        self.terminal.setFocus()

    def _take(self, chunks: list[bytes]) -> None:
        self.note.setText("Ctrl-P Ctrl-Q detaches")
        self.terminal.feed(b"".join(chunks))

    def _ended(self) -> None:
        code = self._session.code if self._session else None
        if self._session is not None and self._session.refused:
            self.note.setText("This container has no shell. Attach to its main process, or browse its files.")
        else:
            self.note.setText("The session ended" + ("" if code is None else f" with exit code {code}"))
        self._session = None

    def _failed(self, error: UserError) -> None:
        idle = isinstance(error, Conflict) and "is not running" in error.message
        self.note.setText("The container is not running. Start it first." if idle else error.message)
        self._session = None

    def _gone(self) -> None:
        if self._work is not None:
            self._work.cancel()
        self._session = None
        self.note.setText("The engine stopped. Reconnect when it is running again.")

    def _detached(self) -> None:
        if self._work is not None:
            self._work.cancel()
        self._session = None
        self.note.setText("Detached. The program keeps running.")

    def _typed(self, data: bytes) -> None:
        session = self._session
        if session is not None:
            self._context.session.bridge.post(lambda: session.type(data))

    def _resized(self, rows: int, columns: int) -> None:
        session = self._session
        if session is not None:
            self._context.session.bridge.post(lambda: session.resize(rows, columns))


class TerminalSession:
    """The asyncio side of a session: output, input and size."""

    def __init__(self, context: Context, key: str, commands: list[list[str]], size: tuple[int, int]) -> None:
        self._containers = context.engine.containers
        self._key, self._commands, self._size = key, commands, size
        self._input: asyncio.Queue[bytes] = asyncio.Queue()
        self._sized = asyncio.Event()
        self.code: int | None = None
        self.refused = False

    async def output(self) -> AsyncIterator[bytes]:
        """Open the session and yield its output until it ends."""
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
        tasks = [asyncio.create_task(self._type_all(duplex)), asyncio.create_task(self._size_all(made))]
        self.refused, first = False, True
        bare = duplex.content_type.startswith(MULTIPLEXED)  # without a terminal, line ends are LF, not CR LF
        try:
            async with duplex:
                yield b""
                async for frame in duplex.frames():
                    self.refused = first and made is not None and frame.data.startswith(REFUSED)
                    first = False
                    if not self.refused:
                        yield frame.data.replace(b"\n", b"\r\n") if bare else frame.data
        finally:
            for task in tasks:
                task.cancel()

    def type(self, data: bytes) -> None:
        """Send input, after earlier input."""
        self._input.put_nowait(data)

    def resize(self, rows: int, columns: int) -> None:
        """Set the size of the terminal."""
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
