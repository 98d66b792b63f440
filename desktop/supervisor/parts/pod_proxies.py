"""The host's proxy in pods, for as long as the cluster answers."""

from __future__ import annotations

import asyncio
import ipaddress
from pathlib import Path

from desktop.control.schema import PartReport, PartState
from desktop.settings.schema import Settings
from desktop.supervisor.context import CurrentSettings
from desktop.supervisor.environment import UserEnvironment
from desktop.supervisor.parts.base import Part, reported
from desktop.supervisor.parts.cluster_kubeconfig import ClusterKubeconfig
from desktop.supervisor.parts.proxies import HostProxies
from engine.backends.base import Guest
from engine.kubernetes.client import read_access
from engine.kubernetes.pod_proxies import PodProxies
from vm.host.proxies import Proxies
from vm.tasks import SupervisedTask

BRIDGE = "172.17.0.1/16"
"""dockerd's own bridge, in which pods are, where ``bip`` of daemon.json names no other."""


class ClusterProxies(Part):
    """Keeps the cluster's policy (:class:`PodProxies`) as the host's proxy is.

    :param kubeconfig: leads to the cluster.    :param proxies: those for a container that is created now.
    """

    name = "pods' proxy"

    def __init__(
        self,
        kubeconfig: ClusterKubeconfig,
        proxies: HostProxies,
        settings: CurrentSettings,
        environment: UserEnvironment,
    ) -> None:
        self._kubeconfig = kubeconfig
        self._proxies = proxies
        self._settings = settings
        self._kept = PodProxies(self._now, self._pods)
        self._task: SupervisedTask | None = None
        kubeconfig.changed.append(self._begin)
        environment.changed.append(self._kept.look_again)

    def configure(self, settings: Settings) -> None:
        """The proxy may be another one."""
        self._kept.look_again()

    def attach(self, guest: Guest) -> None:
        """Go on where the cluster has gone on."""
        self._begin()

    def detach(self, *, ended: bool) -> None:
        """The cluster cannot be reached."""
        self._end()

    def report(self) -> PartReport:
        """How the work is doing."""
        if self._task is None:
            return PartReport(self.name, PartState.IDLE)
        return reported(self.name, self._task.health)

    async def close(self) -> None:
        """Work no more; the policy stays, as the cluster does."""
        if self._task is not None:
            await self._task.stop()

    def _begin(self) -> None:
        self._end()
        if self._kubeconfig.own_file:
            self._task = SupervisedTask(type(self).__name__, self._keep)
            self._task.start()

    def _end(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _keep(self) -> None:
        await self._kept.keep(await asyncio.to_thread(read_access, Path(self._kubeconfig.own_file)))

    async def _now(self) -> Proxies:
        return await asyncio.to_thread(self._proxies.now)

    def _pods(self) -> str:
        return str(ipaddress.ip_interface(self._settings.get().daemon.get("bip") or BRIDGE).network)
