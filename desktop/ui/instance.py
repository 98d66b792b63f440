"""One window per user: a second launch raises the first and ends.

A lock says that there is a first one: it goes with its process, however that ends. A first one that does not
answer hangs; the second then opens a window of its own, and takes the doorbell over.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QLockFile, QObject, QThread
from PySide6.QtNetwork import QLocalServer, QLocalSocket

ANSWER_SECONDS = 5.0
"""For the first window to answer; it may just be starting."""

RETRY_MS = 50

RAISE, STAY, HERE = b"raise\n", b"stay\n", b"here\n"


class Claim:
    """The right to be the first; kept for the life of the process."""

    def __init__(self, path: Path) -> None:
        self._lock = QLockFile(str(path))
        self._lock.setStaleLockTime(0)  # it is stale when its process has gone, not when it is old
        self.first = self._lock.tryLock(0)

    def drop(self) -> None:
        """Give it up."""
        self._lock.unlock()


def ring(path: Path, message: bytes = RAISE, seconds: float = ANSWER_SECONDS) -> bool:
    """Ask the window that runs already to show itself; tells whether it has answered.

    :param message: ``RAISE``, or ``STAY`` to ask only whether it lives.
    """
    end = time.monotonic() + seconds
    while (left := round(1000 * (end - time.monotonic()))) > 0:
        socket = QLocalSocket()
        socket.connectToServer(str(path))
        if socket.waitForConnected(left):
            socket.write(message)
            return socket.waitForReadyRead(left) and socket.readAll().data() == HERE
        QThread.msleep(RETRY_MS)  # it is about to listen: there is nothing to wait for yet
    return False


class Doorbell(QObject):
    """Listens for further launches. The socket is for this user only."""

    def __init__(self, path: Path, rung: Callable[[], None], parent: QObject) -> None:
        super().__init__(parent)
        self._rung = rung
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        QLocalServer.removeServer(str(path))
        self._server.listen(str(path))
        self._server.newConnection.connect(self._welcome)

    def close(self) -> None:
        """Stop listening."""
        self._server.close()

    def _welcome(self) -> None:
        while (socket := self._server.nextPendingConnection()) is not None:
            socket.disconnected.connect(socket.deleteLater)
            socket.readyRead.connect(lambda socket=socket: self._answer(socket))
            self._answer(socket)

    def _answer(self, socket: QLocalSocket) -> None:
        if not socket.canReadLine():
            return
        if socket.readLine().data() == RAISE:
            self._rung()
        socket.write(HERE)
