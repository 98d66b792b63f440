"""The stand-in's Kubernetes: turned on and off as the real one, with a cluster that is soon ready."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from desktop.control.schema import (
    CallerEnvironment,
    Event,
    KubernetesPartReport,
    KubernetesPortReport,
    KubernetesReport,
)
from desktop.supervisor.fake.lifecycle import MOMENT
from desktop.supervisor.settings import LiveSettings

STEPS = ("compiling kube", "etcd is starting", "kube-apiserver is starting", "the node is not ready")
PARTS = ("etcd", "cri-dockerd", "kube-apiserver", "kube-scheduler", "kubelet", "kube-proxy", "coredns")


class FakeKubernetes:
    """A cluster in words. :param running: whether the engine runs."""

    def __init__(self, settings: LiveSettings, running: Callable[[], bool]) -> None:
        self._settings = settings
        self._running = running

    def show(self) -> KubernetesReport:
        """How it is."""
        if not self._settings.get().kubernetes:
            return KubernetesReport(False, "off")
        if not self._running():
            return KubernetesReport(True, "waiting", "waiting for the engine")
        return KubernetesReport(
            True,
            "running",
            version="v1.37.2",
            server="https://127.0.0.1:6443",
            parts=tuple(KubernetesPartReport(name, "running", 0, "") for name in PARTS),
            ports=(KubernetesPortReport("default", "web", "tcp", 30080),),
        )

    async def enable(self, caller: CallerEnvironment, use: bool, rebuild: bool) -> AsyncIterator[Event]:
        """Turn it on."""
        await self._settings.change({"kubernetes": "true"})
        if self._running():
            for number, step in enumerate(STEPS):
                yield Event("progress", step, number / len(STEPS))
                await asyncio.sleep(MOMENT)
        yield Event("done", "Kubernetes v1.37.2 is running")

    async def disable(self) -> AsyncIterator[Event]:
        """Turn it off."""
        yield Event("progress", "stopping the cluster")
        await self._settings.change({"kubernetes": "false"})
        yield Event("done", "Kubernetes is off")

    async def reset(self) -> AsyncIterator[Event]:
        """Delete the cluster."""
        yield Event("progress", "deleting the cluster")
        await asyncio.sleep(MOMENT)
        yield Event("done", "The cluster was deleted")
