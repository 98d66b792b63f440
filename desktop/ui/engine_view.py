"""What pages follow: one engine, in whose place another may come."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Signal

from desktop.ui.bridge import Bridge
from desktop.ui.engine_connection import EngineConnection
from desktop.ui.models.origin import Origin
from engine.client import EngineClient


class EngineView(QObject):
    """Passes on what happens to the connection that it has now. Its signals are emitted in Qt's thread.

    :param beside: it is shown beside another one.
    """

    ready = Signal()
    gone = Signal()
    events_received = Signal(list)
    changed = Signal()
    asked = Signal(object)
    exchanged = Signal()
    """There is another connection."""

    def __init__(
        self, bridge: Bridge, connection: EngineConnection, parent: QObject, *, beside: bool = False
    ) -> None:
        super().__init__(parent)
        self.bridge = bridge
        self._connection = connection
        self._beside = beside
        self._known: set[EngineConnection] = set()
        self._follow(connection)

    @property
    def connection(self) -> EngineConnection:
        """The one that is followed now."""
        return self._connection

    @property
    def engine(self) -> EngineClient:
        """Its Docker API."""
        return self._connection.engine

    @property
    def origin(self) -> Origin:
        """What its objects are marked with."""
        version = self._connection.version
        return Origin(beside=self._beside) if version is None else Origin(version.os, version.arch, self._beside)

    def show(self, connection: EngineConnection) -> None:
        """Follow another one; whether it is open is its owner's affair."""
        if connection is self._connection:
            return
        self._connection = connection
        self._follow(connection)
        self.gone.emit()
        self.exchanged.emit()
        if connection.connected:
            self.ready.emit()

    def _follow(self, connection: EngineConnection) -> None:
        if connection in self._known:
            return
        self._known.add(connection)

        def passing(signal: Any) -> Callable[..., None]:
            def emit(*values: object) -> None:
                if self._connection is connection:
                    signal.emit(*values)

            return emit

        connection.ready.connect(passing(self.ready))
        connection.gone.connect(passing(self.gone))
        connection.events_received.connect(passing(self.events_received))
        connection.changed.connect(passing(self.changed))
        connection.asked.connect(passing(self.asked))
