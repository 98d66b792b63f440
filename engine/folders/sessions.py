"""What the SFTP daemon does: it serves the shared folders, and outlives the supervisor as the machine does.

It listens at a local address of the user's (sftp_daemon.py: a Unix socket; sftp_daemon_windows.py: a named pipe).
Each connection is a stream from the guest that the supervisor hands over: first a line of JSON (for which folder,
and which process the machine is), then the guest's bytes (wire.py). A folder has one session, whose files stay
open from one connection to the next. The daemon ends when the machine has ended.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.folders.sftp import Malformed, SftpServer
from engine.folders.tree import Tree
from engine.folders.wire import HELLO, MAGIC, Connection, Cut, Wire
from vm.host import Host

log = logging.getLogger(__name__)

CHECK_SECONDS, DISCONNECTED_CHECK_SECONDS = 5.0, 0.2
"""How often the daemon checks that the machine still runs: while all folders are connected, and otherwise."""

FIRST_CONNECTION_SECONDS = 10.0
"""How long the daemon waits for its first connection."""

HELLO_SECONDS = 60.0
"""How long a new connection may take to say what it is for."""

UNKNOWN = HELLO.pack(MAGIC, 0, 0)


class SftpDaemon:
    """All sessions of the daemon.

    :param make_tree: makes the tree of a folder.
    :ivar machine: process id and identity (:meth:`vm.host.base.Host.birth`) of the machine served last.
    """

    def __init__(self, host: Host, make_tree: Callable[[Path], Tree]) -> None:
        self._host = host
        self._make_tree = make_tree
        self._wires: dict[str, Wire] = {}
        self._lock = threading.Lock()
        self.machine: tuple[int, str | None] | None = None

    def serve(self, accept: Callable[[float], Connection]) -> None:
        """Accept connections until the machine has ended, or none has come in time.

        :param accept: waits for one, at most so many seconds; raises TimeoutError then.
        """
        began = time.monotonic()
        while self._wanted(began):
            try:
                connection = accept(CHECK_SECONDS if self._connected() else DISCONNECTED_CHECK_SECONDS)
            except TimeoutError:
                continue
            threading.Thread(target=self._welcome, args=(connection,), daemon=True).start()

    def _wanted(self, began: float) -> bool:
        if self.machine is None:
            return time.monotonic() < began + FIRST_CONNECTION_SECONDS
        return self._host.birth(self.machine[0]) == self.machine[1]

    def _connected(self) -> bool:
        with self._lock:
            return bool(self._wires) and all(wire.connected for wire in self._wires.values())

    def _welcome(self, connection: Connection) -> None:
        connection.settimeout(HELLO_SECONDS)
        try:
            request = json.loads(_line(connection))
            magic, session, received = HELLO.unpack(_exactly(connection, HELLO.size))
            if magic != MAGIC:
                raise ValueError("the magic number is wrong")
            connection.settimeout(None)
            self._attach(request, connection, session, received)
        except (OSError, ValueError, KeyError, Cut) as error:
            log.warning("a connection was refused: %r", error)
            connection.close()

    def _attach(self, request: dict[str, Any], connection: Connection, session: int, received: int) -> None:
        folder = str(request["folder"])
        with self._lock:
            self.machine = (int(request["pid"]), request["birth"])
            wire = self._wires.get(folder)
            if wire is None or wire.session != session:
                if received:  # from before a crash of the daemon: the open files are lost
                    connection.sendall(UNKNOWN)
                    connection.close()
                    return
                if wire is not None:
                    wire.end()
                wire = self._wires[folder] = Wire(session)
                threading.Thread(target=self._session, args=(folder, wire), daemon=True).start()
        log.info("%s: session %x goes on at byte %d", folder, session, received)
        wire.attach(connection, received)

    def _session(self, folder: str, wire: Wire) -> None:
        server = SftpServer(self._make_tree(Path(folder)))
        try:
            while True:
                answer = server.answer(wire.read())
                if answer:
                    wire.write(answer)
        except Cut:
            log.info("%s: session %x ended", folder, wire.session)
        except Malformed:
            log.warning("%s: the guest does not speak SFTP", folder)
            wire.end()
        finally:
            server.close()


def _line(connection: Connection) -> bytes:
    line = bytearray()
    while not line.endswith(b"\n"):
        piece = connection.recv(1)
        if not piece or len(line) > 65536:
            raise ValueError("no request came")
        line += piece
    return bytes(line)


def _exactly(connection: Connection, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if not piece:
            raise ValueError("the connection ended before its hello")
        data += piece
    return data
