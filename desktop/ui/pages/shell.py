"""Terminals in containers: a shell, the terminal of the main process, or a debug shell where there is no shell."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from enum import Enum
from functools import partial

from PySide6.QtWidgets import QComboBox, QVBoxLayout

from desktop.ui.bridge import Work
from desktop.ui.context import Context
from desktop.ui.theme import GAP
from desktop.ui.widgets.basics import button, label, row
from desktop.ui.widgets.drawer import DrawerPanel
from desktop.ui.widgets.terminal import Terminal
from engine.client.debug_shell import debug_shell
from engine.client.errors import ApiError, Conflict
from engine.client.streams import MULTIPLEXED, Duplex
from vm.errors import UserError

FIND_SHELL = "for s in bash zsh ash sh; do p=$(command -v $s) && exec $p; done; exec sh"
"""Script for ``/bin/sh``: replace it by the best shell in the container."""


class Kind(Enum):
    """What a terminal is connected to, in words."""

    SHELL = "Shell"
    BASH = "/bin/bash"
    SH = "/bin/sh"
    ATTACH = "Attach to the main process"
    DEBUG = "Debug shell beside the container"


COMMANDS: dict[Kind, list[list[str]]] = {
    Kind.SHELL: [["/bin/sh", "-c", FIND_SHELL], ["/bin/bash"], ["/busybox/sh"]],
    Kind.BASH: [["/bin/bash"]],
    Kind.SH: [["/bin/sh"]],
}
"""The commands to try, in order."""

NO_SHELL = (126, 127)
"""Exit codes of a command that cannot be run."""

REFUSED = b"OCI runtime exec failed"
"""The beginning of the engine's message on the terminal in that case."""

Resize = Callable[[int, int], Awaitable[object]]


class ShellPanel(DrawerPanel):
    """A terminal that can be reconnected. :ivar key: the container's ID."""

    def __init__(
        self,
        context: Context,
        key: str,
        name: str = "",
        kind: Kind = Kind.SHELL,
        *,
        begin: BeginSession | None = None,
    ) -> None:
        """
        :param name: the container's, for the title.
        :param begin: makes sessions where the chosen engine does not run the container; it has commands only.
        """
        super().__init__()
        self._context, self.key, self.name, self._given = context, key, name, begin
        self._begin = begin or partial(ContainerSession, context, key)
        self.terminal = Terminal("Terminal in the container")
        self.kind = QComboBox()
        self.kind.setAccessibleName("Program")
        for one in COMMANDS if begin is not None else Kind:
            if one is not Kind.DEBUG or context.connection.features.guest:  # the tools are of Slipway's machine
                self.kind.addItem(one.value, one)
        self.note = label("", "muted")
        self.again = button("Reconnect", self.connect_now, picture="refresh")
        self.debug = button("Open a debug shell", partial(self.connect_to, Kind.DEBUG), picture="terminal")
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, GAP, 0, 0)
        outer.setSpacing(GAP)
        outer.addLayout(row(self.kind, self.again, self.note, self.debug, None))
        outer.addWidget(self.terminal, 1)
        self.setFocusProxy(self.terminal)
        self._work: Work | None = None
        self._session: TerminalSession | None = None
        self.kind.activated.connect(self.connect_now)
        self.terminal.typed.connect(self._typed)
        self.terminal.resized.connect(self._resized)
        if begin is None:
            context.view.gone.connect(self._gone)
        self.terminal.detached.connect(self._detached)
        self.connect_to(kind)

    @property
    def running(self) -> bool:
        return self._session is not None

    def another(self) -> ShellPanel:
        return ShellPanel(self._context, self.key, self.name, self.kind.currentData(), begin=self._given)

    def connect_to(self, kind: Kind) -> None:
        """Begin a session of a kind."""
        self.kind.setCurrentIndex(max(0, self.kind.findData(kind)))
        self.connect_now()

    def connect_now(self) -> None:
        """Begin a session; end the previous one."""
        if self._work is not None:
            self._work.cancel()
        self.terminal.cells.reset()
        kind: Kind = self.kind.currentData()
        self.debug.hide()
        self.note.setText("Connecting …")
        self.title = f"Debug shell beside {self.name}" if kind is Kind.DEBUG else self.name
        session = self._session = self._begin(kind, self.terminal.size_in_cells)
        self._work = self._context.session.bridge.follow(
            session.output, self._take, self._ended, self._failed, owner=self
        )
        self.changed.emit()
        self.terminal.setFocus()

    def _take(self, chunks: list[bytes]) -> None:
        self.note.setText("Ctrl-P Ctrl-Q detaches")
        self.terminal.feed(b"".join(chunks))

    def _ended(self) -> None:
        session = self._session
        if session is not None and session.refused:
            self.note.setText("This container has no shell.")
            self.debug.setVisible(self.kind.findData(Kind.DEBUG) >= 0)
            self._end()
        else:
            code = session.code if session is not None else None
            self._end("The session ended" + ("" if code is None else f" with exit code {code}"))

    def _failed(self, error: UserError) -> None:
        idle = isinstance(error, Conflict) and "is not running" in error.message
        words = f"{error.message}. {error.hint}" if error.hint else error.message
        self._end("The container is not running. Start it first." if idle else words)

    def _gone(self) -> None:
        if self._work is not None:
            self._work.cancel()
        self._end("The engine stopped. Reconnect when it is running again.")

    def _detached(self) -> None:
        if self._work is not None:
            self._work.cancel()
        self._end("Detached. The program keeps running.")

    def _end(self, words: str = "") -> None:
        self._session = None
        if words:
            self.note.setText(words)
        self.changed.emit()

    def _typed(self, data: bytes) -> None:
        session = self._session
        if session is not None:
            self._context.session.bridge.post(lambda: session.type(data))

    def _resized(self, rows: int, columns: int) -> None:
        session = self._session
        if session is not None:
            self._context.session.bridge.post(lambda: session.resize(rows, columns))


class TerminalSession(ABC):
    """The asyncio side of a session: output, input and size.

    :ivar code: the exit code, once it is known.    :ivar refused: whether no command could be run.
    """

    def __init__(self, kind: Kind, size: tuple[int, int]) -> None:
        """:param size: rows and columns."""
        self._kind, self._size = kind, size
        self._input: asyncio.Queue[bytes] = asyncio.Queue()
        self._sized = asyncio.Event()
        self.code: int | None = None
        self.refused = False

    @abstractmethod
    def output(self) -> AsyncIterator[bytes]:
        """Open the session and yield its output until it ends."""

    def type(self, data: bytes) -> None:
        """Send input, after earlier input."""
        self._input.put_nowait(data)

    def resize(self, rows: int, columns: int) -> None:
        """Set the size of the terminal."""
        self._size = rows, columns
        self._sized.set()

    @asynccontextmanager
    async def _connected(self, write: Callable[[bytes], Awaitable[object]], resize: Resize) -> AsyncIterator[None]:
        """Input and size are passed on while the block lasts."""

        async def type_all() -> None:
            while True:
                await write(await self._input.get())

        async def size_all() -> None:
            self._sized.set()
            while True:
                await self._sized.wait()
                self._sized.clear()
                with suppress(ApiError):  # too late is no error
                    await resize(*self._size)

        tasks = [asyncio.create_task(type_all()), asyncio.create_task(size_all())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


BeginSession = Callable[[Kind, tuple[int, int]], TerminalSession]


class ContainerSession(TerminalSession):
    """In a container of the chosen engine."""

    def __init__(self, context: Context, key: str, kind: Kind, size: tuple[int, int]) -> None:
        super().__init__(kind, size)
        self._engine = context.engine
        self._key = key

    async def output(self) -> AsyncIterator[bytes]:
        containers = self._engine.containers
        if self._kind is Kind.DEBUG:
            async with debug_shell(self._engine, self._key) as (ours, duplex):
                async for data in self._serve(duplex, partial(containers.resize, ours)):
                    yield data
        elif self._kind is Kind.ATTACH:
            duplex = await containers.attach(self._key, logs=True)
            async for data in self._serve(duplex, partial(containers.resize, self._key)):
                yield data
        for command in COMMANDS.get(self._kind, ()):
            rows, columns = self._size
            made = await containers.exec(
                self._key, command, Tty=True, Env=["TERM=xterm-256color"], ConsoleSize=[rows, columns]
            )
            async for data in self._serve(await made.start(), made.resize, may_be_refused=True):
                yield data
            self.code = (await made.inspect()).get("ExitCode")
            if not self.refused:
                return

    async def _serve(
        self, duplex: Duplex, resize: Resize, *, may_be_refused: bool = False
    ) -> AsyncIterator[bytes]:
        self.refused, first = False, may_be_refused
        bare = duplex.content_type.startswith(MULTIPLEXED)  # without a terminal, line ends are LF, not CR LF
        async with self._connected(duplex.write, resize), duplex:
            yield b""
            async for frame in duplex.frames():
                self.refused = first and frame.data.startswith(REFUSED)
                first = False
                if not self.refused:
                    yield frame.data.replace(b"\n", b"\r\n") if bare else frame.data


def open_terminal(context: Context, key: str, name: str, kind: Kind = Kind.SHELL) -> ShellPanel:
    """Show a container's terminal in the drawer: the one that is open, or a new one."""
    drawer = context.places.drawer
    for panel in drawer.panels:
        if isinstance(panel, ShellPanel) and panel.key == key and panel.kind.currentData() is kind:
            if not panel.running:
                panel.connect_now()
            drawer.open(panel)
            return panel
    panel = ShellPanel(context, key, name, kind)
    drawer.open(panel)
    return panel
