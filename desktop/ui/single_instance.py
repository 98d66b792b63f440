"""At most one window per user: a second launch raises the first window and ends.

A lock file marks the first process. It is released with the process, however that ends. A first process that does
not answer hangs; the second then opens a window of its own and takes over the socket.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QLockFile, QObject, QThread
from PySide6.QtNetwork import QLocalServer, QLocalSocket

SOCKET, LOCK = "window.sock", "window.lock"

ANSWER_SECONDS = 5.0
"""How long the first process may take to answer: it may just be starting."""

RETRY_MS = 50

RAISE, PING, QUIT, ANSWER = b"raise\n", b"ping\n", b"quit\n", b"here\n"
"""Requests of a second process (show the window; only answer; end), and the reply."""


class SingleInstance(QObject):
    """The claim of one process to be the first, and the connection between the first and later ones.

    :param folder: where lock and socket are.    :ivar first: whether no other process has the claim.
    """

    def __init__(self, folder: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._socket = str(folder / SOCKET)
        self._lock = QLockFile(str(folder / LOCK))
        self._lock.setStaleLockTime(0)  # stale when its process has ended, not when it is old
        self.first = self._lock.tryLock(0)
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._accept)
        self._raise: Callable[[], object] = lambda: None
        self._quit: Callable[[], object] = lambda: None

    def call_first(self, request: bytes = RAISE, seconds: float = ANSWER_SECONDS) -> bool:
        """Send a request to the first process; return whether it answered within ``seconds``.

        :param request: :data:`RAISE`, :data:`PING` or :data:`QUIT`.
        """
        end = time.monotonic() + seconds
        while (left := round(1000 * (end - time.monotonic()))) > 0:
            socket = QLocalSocket()
            socket.connectToServer(self._socket)
            if socket.waitForConnected(left):
                socket.write(request)
                return socket.waitForReadyRead(left) and socket.readAll().data() == ANSWER
            QThread.msleep(RETRY_MS)  # it does not listen yet, and there is no event for that
        return False

    def listen(self, on_raise: Callable[[], object], on_quit: Callable[[], object]) -> None:
        """Answer later processes from now on. Only this user can connect.

        :param on_raise: shows the window.    :param on_quit: ends the process.
        """
        self._raise, self._quit = on_raise, on_quit
        QLocalServer.removeServer(self._socket)
        self._server.listen(self._socket)

    def stop_listening(self) -> None:
        """Answer no longer; the claim stays. Idempotent."""
        self._server.close()

    def release(self) -> None:
        """Give up the claim."""
        self.stop_listening()
        self._lock.unlock()

    def _accept(self) -> None:
        while (socket := self._server.nextPendingConnection()) is not None:
            socket.disconnected.connect(socket.deleteLater)
            socket.readyRead.connect(lambda socket=socket: self._answer(socket))
            self._answer(socket)

    def _answer(self, socket: QLocalSocket) -> None:
        if not socket.canReadLine():
            return
        request = socket.readLine().data()
        if request == RAISE:
            self._raise()
        socket.write(ANSWER)
        if request == QUIT:
            socket.flush()
            self._quit()
