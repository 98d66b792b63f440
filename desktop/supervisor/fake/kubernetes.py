"""The stand-in's Kubernetes: turned on and off as the real one, with a cluster in memory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable

from desktop.control.schema import (
    CallerEnvironment,
    Event,
    KubernetesBackupReport,
    KubernetesPartReport,
    KubernetesPortReport,
    KubernetesReport,
    PortReport,
)
from desktop.supervisor.fake.cluster.door import FakeCluster
from desktop.supervisor.fake.lifecycle import MOMENT
from desktop.supervisor.fake.scenario import Scenario
from desktop.supervisor.settings import LiveSettings
from vm.errors import EngineError, ImageError
from vm.guest.forward import MACHINE

STEPS = ("compiling kube", "etcd is starting", "kube-apiserver is starting", "the node is not ready")
PARTS = ("etcd", "cri-dockerd", "kube-apiserver", "kube-scheduler", "kubelet", "kube-proxy", "coredns")
PORTS = (
    KubernetesPortReport("default", "web", "tcp", 30080),
    KubernetesPortReport("shop", "shop", "tcp", 8080, "Port 8080 is in use by the container “web”"),
)
HOUR, BACKUPS = 3600, 5
SLOW = 1.0
"""Seconds of a step that can be watched."""


class FakeKubernetes:
    """The switch of the cluster. :param running: whether the engine runs."""

    def __init__(
        self, settings: LiveSettings, running: Callable[[], bool], scenario: Scenario, cluster: FakeCluster
    ) -> None:
        self._settings = settings
        self._running = running
        self._scenario = scenario
        self.cluster = cluster
        self._stage = ""

    async def open(self) -> None:
        """Let the cluster answer, if it is on."""
        if self._scenario.kubernetes:
            await self._settings.change({"kubernetes": "true"})
        if self._settings.get().kubernetes:
            await self.cluster.open()

    async def close(self) -> None:
        """Answer no more."""
        await self.cluster.close()

    def show(self) -> KubernetesReport:
        """How it is."""
        if not self._settings.get().kubernetes:
            return KubernetesReport(False, "off")
        if not self._running():
            return KubernetesReport(True, "waiting", "waiting for the engine")
        if self._stage:
            return KubernetesReport(True, "starting", self._stage)
        return KubernetesReport(
            True,
            "running",
            version="v1.37.2",
            server=self.cluster.server,
            own_file=str(self.cluster.kubeconfig),
            parts=tuple(KubernetesPartReport(name, "running", 0, "") for name in PARTS),
            ports=PORTS,
        )

    def ports(self) -> list[PortReport]:
        """What services publish on the host."""
        if self.show().state != "running":
            return []
        return [
            PortReport(one.protocol, "127.0.0.1", one.port, MACHINE, one.port, 0, one.error, kubernetes=True)
            for one in PORTS
        ]

    async def enable(self, caller: CallerEnvironment, use: bool, rebuild: bool) -> AsyncIterator[Event]:
        """Turn it on."""
        pace = SLOW if self._scenario.slow else MOMENT
        try:
            for number, self._stage in enumerate(STEPS):
                yield Event("progress", self._stage, number / len(STEPS))
                await asyncio.sleep(pace)
                if self._scenario.unbuilt:
                    raise ImageError(
                        "Kubernetes cannot be built: no space left on the device", "Free 6 GB of space."
                    )
                await self._settings.change({"kubernetes": "true"})
                if not self._running():
                    break
            if not self.cluster.server:
                await self.cluster.open()
        finally:
            self._stage = ""
        yield Event("done", "Kubernetes v1.37.2 is running")

    async def disable(self) -> AsyncIterator[Event]:
        """Turn it off."""
        yield Event("progress", "stopping the cluster")
        await self._settings.change({"kubernetes": "false"})
        await self.cluster.close()
        yield Event("done", "Kubernetes is off")

    def backups(self) -> list[KubernetesBackupReport]:
        """One for each of the last hours."""
        if not self.cluster.server:
            return []
        now = time.time() - HOUR / 2
        return [
            KubernetesBackupReport(BACKUPS - past, "v1.37.2", now - past * HOUR, 2_543_616 - past * 65_536)
            for past in range(BACKUPS)
        ]

    async def restore(self, number: int) -> AsyncIterator[Event]:
        """Make it what it was: as it was furnished at first."""
        yield Event("progress", "backing up what the cluster is now")
        if number not in {one.number for one in self.backups()}:
            raise EngineError(f"There is no backup {number}")
        await self.cluster.close()
        self.cluster.forget()
        yield Event("progress", "restoring the backup")
        await asyncio.sleep(MOMENT)
        await self.cluster.open()
        yield Event("done", f"The backup {number} was restored\nWhat it was until now is the newest backup.")

    async def reset(self) -> AsyncIterator[Event]:
        """Delete the cluster."""
        yield Event("progress", "deleting the cluster")
        await self.cluster.close()
        self.cluster.forget()
        await asyncio.sleep(MOMENT)
        if self._settings.get().kubernetes:
            await self.cluster.open()
        yield Event("done", "The cluster was deleted")
