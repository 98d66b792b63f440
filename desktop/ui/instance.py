"""One window per user: a second launch raises the first and ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtNetwork import QLocalServer, QLocalSocket

WAIT_MS = 1000
"""Milliseconds for the first window to take the call."""

RAISE = b"raise\n"


def raise_other(path: Path) -> bool:
    """Ask the window that runs already to show itself; tells whether there is one."""
    socket = QLocalSocket()
    socket.connectToServer(str(path))
    if not socket.waitForConnected(WAIT_MS):
        return False
    socket.write(RAISE)
    return socket.waitForBytesWritten(WAIT_MS)


class Doorbell(QObject):
    """Listens for further launches. The socket is for this user only."""

    def __init__(self, path: Path, rung: Callable[[], None], parent: QObject) -> None:
        super().__init__(parent)
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        QLocalServer.removeServer(str(path))
        self._server.listen(str(path))
        self._server.newConnection.connect(lambda: self._answer(rung))

    def close(self) -> None:
        """Stop listening."""
        self._server.close()

    def _answer(self, rung: Callable[[], None]) -> None:
        while (socket := self._server.nextPendingConnection()) is not None:
            socket.disconnected.connect(socket.deleteLater)
            rung()
