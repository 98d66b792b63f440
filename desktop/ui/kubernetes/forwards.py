"""Ports of pods and services on this computer, until they are stopped or the window is closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal

from desktop.ui.bridge import Work
from desktop.ui.kubernetes.cluster import Clients, Cluster
from desktop.ui.models.containers import HTTPS
from engine.kubernetes.client.channels import PodPort
from engine.kubernetes.client.forwarding import PortForward, pod_behind
from engine.kubernetes.client.kinds import SERVICES, Kind
from vm.errors import UserError

ADMINISTRATORS = 1024
"""Ports below are an administrator's."""
RAISED = 8000
"""Such a port is offered so much higher: 80 as 8080, 443 as 8443."""


@dataclass(frozen=True)
class Target:
    """What a forwarded port leads to.

    :ivar context: the cluster's; empty for Slipway's own.    :ivar kind: of pods or services.
    """

    context: str
    kind: Kind
    namespace: str
    name: str
    port: int

    @property
    def offered(self) -> int:
        """The port of this computer that is tried first."""
        return self.port if self.port >= ADMINISTRATORS else self.port + RAISED


@dataclass(frozen=True)
class Forwarded:
    """How it is.

    :ivar port: on this computer.    :ivar failure: why the last connection failed; None: it did not.
    """

    port: int
    connections: int
    failure: UserError | None

    def url(self, target: int) -> str:
        """For a browser. :param target: the port in the cluster"""
        return f"{'https' if {target, self.port} & set(HTTPS) else 'http'}://localhost:{self.port}/"


class Forwards(QObject):
    """All of a window.

    :ivar open: those that are listened for.    :ivar failed: why others could not be.
    """

    changed = Signal()

    def __init__(self, cluster: Cluster, parent: QObject) -> None:
        super().__init__(parent)
        self._cluster = cluster
        self._works: dict[Target, Work] = {}
        self.open: dict[Target, Forwarded] = {}
        self.failed: dict[Target, UserError] = {}

    def known(self) -> set[Target]:
        """What is forwarded, or could not be."""
        return self._works.keys() | self.failed.keys()

    def start(self, target: Target, port: int = 0) -> None:
        """Listen. The target is of the cluster that is shown.

        :param port: there and nowhere else; 0: at the one that is offered, or at any if that is in use.
        """
        if target in self._works:
            return
        clients = self._cluster.clients()
        ports = (port,) if port else (target.offered, 0)
        self.failed.pop(target, None)

        def take(found: list[Forwarded]) -> None:
            if target in self._works:
                self.open[target] = found[-1]
                self.changed.emit()

        def failed(error: UserError) -> None:
            self.failed[target] = error
            self.stop(target)

        bridge = self._cluster.session.bridge
        self._works[target] = bridge.follow(
            lambda: _forward(clients, target, ports), take, None, failed, owner=self
        )
        self.changed.emit()

    def begins(self, target: Target) -> bool:
        """Whether it will be listened for in a moment."""
        return target in self._works and target not in self.open

    def stop(self, target: Target) -> None:
        """Listen no more, and end its connections."""
        work = self._works.pop(target, None)
        if work is not None:
            work.cancel()
        self.open.pop(target, None)
        self.changed.emit()


async def _forward(clients: Clients, target: Target, ports: tuple[int, ...]) -> AsyncIterator[Forwarded]:
    """In the asyncio thread: how it is, after each change; closing the iterator ends it."""
    news = asyncio.Event()

    @asynccontextmanager
    async def dial() -> AsyncIterator[PodPort]:
        client = await clients.current()
        try:
            name, port = target.name, target.port
            if target.kind is SERVICES:
                name, port = await pod_behind(client, target.namespace, name, port)
            async with client.connect(target.namespace, name, port) as made:
                yield made
        except UserError as error:
            await clients.renew(client, error)
            raise

    forward = PortForward(dial, news.set)
    try:
        await forward.open(*ports)
        while True:
            news.clear()
            yield Forwarded(forward.port, forward.connections, forward.failure)
            await news.wait()
    finally:
        await forward.close()
        await clients.close()
