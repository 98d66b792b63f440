"""Kubernetes: the cluster in the machine, for as long as the setting is on.

The machine is given the disk with Kubernetes while it runs, so no container is stopped for it. The cluster goes on
when the supervisor ends; the next one finds it again. Services answer on localhost through the publisher of ports,
so this part comes before that one, and kubectl finds the API through the user's kubeconfig.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import asdict
from functools import partial
from typing import Protocol

from desktop.control.schema import (
    CallerEnvironment,
    Event,
    KubernetesBackupReport,
    KubernetesPartReport,
    KubernetesPortReport,
    KubernetesReport,
    PartReport,
    PartState,
    WarningReport,
)
from desktop.settings.schema import Settings
from desktop.supervisor.context import CurrentSettings, Emit
from desktop.supervisor.environment import UserEnvironment
from desktop.supervisor.lifecycle.jobs import Job
from desktop.supervisor.parts.base import Part, reported
from desktop.supervisor.parts.cluster_kubeconfig import ClusterKubeconfig
from desktop.supervisor.parts.cluster_restore import restore
from desktop.supervisor.warnings import Warnings
from engine.backends.base import Guest
from engine.kubernetes.cluster import (
    API_PORTS,
    FAILED,
    RUNNING,
    SERIAL,
    Cluster,
    ClusterError,
    ClusterStatus,
    ServicePort,
    TakenPort,
    forwards,
    free_port,
    taken_ports,
)
from engine.kubernetes.kubeconfig import read_entry
from vm.errors import LinkError, UserError
from vm.guest.forward import Forward
from vm.guest.link_task import LinkTask
from vm.guest.stream import Link
from vm.host import Host
from vm.host.paths import Paths
from vm.image.kubernetes.build import DISK, KUBERNETES, obtain_kubernetes
from vm.image.store import ImageStore
from vm.qemu.slot import SpareSlot
from vm.tasks import TaskSet

log = logging.getLogger(__name__)

API = "kube-apiserver"
SETTING = "kubernetes"
ENABLING = "enabling of Kubernetes"
"""The only work that other work may end."""

ON = "Kubernetes {version} is running"
LATER = "Kubernetes is on. It starts with the engine: slipway start"
ANEW = "Delete it, to begin with a new one: slipway kubernetes reset"
LOST = "What was changed in the cluster since then is lost"
KUBECTL = "Use it: kubectl --context slipway get nodes, or: slipway kubectl get nodes"


class _Work(LinkTask[Link]):
    """What is done for as long as there is a link."""

    def __init__(self, work: Callable[[Link], Awaitable[None]]) -> None:
        self._do = work

    async def work(self, link: Link) -> None:
        await self._do(link)


class HostPorts(Protocol):
    """The host's ports (:class:`engine.ports.Publisher`). :ivar handled: called when some may have changed."""

    handled: list[Callable[[], None]]

    def follow(self, what: str, forwards: Iterable[Forward], /) -> None:
        """Listen for just these forwards of ``what``."""
        ...

    @property
    def waiting(self) -> Mapping[str, str]:
        """Why forwards are not listened for yet, by their keys."""
        ...


class KubernetesCluster(Part):
    """The cluster.

    :param slot: where the running machine takes its disk.
    :param ports: has the host listen.
    :param warnings: what the user should know.    :param changed: called when the report has changed.
    :ivar kubeconfig: leads to it.
    :ivar when_idle: calls a function once the engine is not being started, taken over or stopped.
    """

    name = "kubernetes"

    def __init__(
        self,
        paths: Paths,
        host: Host,
        settings: CurrentSettings,
        environment: UserEnvironment,
        slot: SpareSlot,
        ports: HostPorts,
        warnings: Warnings,
        changed: Callable[[], None],
    ) -> None:
        self._arch = host.arch
        self._settings = settings
        self._slot = slot
        self._host_ports = ports
        ports.handled.append(self._ports_changed)
        self._warnings = warnings
        self._changed = changed
        self._store = ImageStore(paths.kubernetes_images, KUBERNETES)
        self.kubeconfig = ClusterKubeconfig(paths, environment)
        self._task = _Work(self._keep)
        self._tasks = TaskSet()
        self._lock = asyncio.Lock()
        self._news = asyncio.Event()
        self._job: Job | None = None
        self._wanted = False
        self._may_run = False
        self._link: Link | None = None
        self.when_idle: Callable[[Callable[[], object]], object] = lambda act: act()
        self._forget()

    def _forget(self) -> None:
        """The cluster does not run."""
        self._stage = ""
        self._failure: UserError | None = None
        self._status: ClusterStatus | None = None
        self._port: int | None = None
        self._entry_is_new = True
        self.kubeconfig.forget()
        self._taken: tuple[TakenPort, ...] = ()
        self._warnings.set(SETTING, ())

    # -- the part -------------------------------------------------------------------------------------------------

    def configure(self, settings: Settings) -> None:
        """Run the cluster, or not."""
        if settings.kubernetes != self._wanted:
            self._wanted = settings.kubernetes
            self._tell()
            self._tasks.spawn(self._reconcile(), "turn Kubernetes on or off")

    def attach(self, guest: Guest) -> None:
        """Start the cluster in this machine, or find it there again."""
        self._link = guest.link
        self._may_run = self._may_run or guest.adopted
        self._tasks.spawn(self._reconcile(), "start Kubernetes")

    async def prepare_stop(self) -> None:
        """Stop the cluster before its containers are stopped."""
        async with self._lock:
            await self._task.close()
            if self._link is not None and self._may_run and self._wanted:
                self._stage = "stopping"
                await Cluster(self._link).down()
                self._may_run = False

    def detach(self, *, ended: bool) -> None:
        """Wait for the next link; of a machine that has ended nothing is left."""
        self._link = None
        self._task.use(None)
        if ended:
            self._may_run = False
            self._forget()
            self._host_ports.follow(SETTING, ())
        self._tell()

    def report(self) -> PartReport:
        """How the work for the cluster is doing."""
        if not self._wanted:
            return PartReport(self.name, PartState.IDLE)
        return reported(self.name, self._task.health)

    async def close(self) -> None:
        """Let the cluster go on by itself."""
        if self._job is not None and not self._job.done:
            await self._job.cancel()
        await self._tasks.close()
        await self._task.close()

    # -- what can be asked ----------------------------------------------------------------------------------------

    def show(self) -> KubernetesReport:
        """How it is."""
        status, kubeconfig = self._status, self.kubeconfig
        problem = self._failure or kubeconfig.failure
        errors = {(one.namespace, one.name, one.protocol, one.port): one.reason for one in self._taken}
        return KubernetesReport(
            self._wanted,
            self._state(),
            problem.message if problem is not None else self._progress(),
            problem.hint if problem is not None else "",
            status.version if status is not None else "",
            kubeconfig.entry.server if kubeconfig.entry is not None else "",
            str(kubeconfig.merged.path) if kubeconfig.merged is not None else "",
            kubeconfig.merged.current if kubeconfig.merged is not None else False,
            kubeconfig.own_file,
            tuple(KubernetesPartReport(**asdict(part)) for part in status.parts) if status is not None else (),
            tuple(
                KubernetesPortReport(*port, errors.get(port, ""))
                for port in ((one.namespace, one.name, one.protocol, one.port) for one in self._ports)
            ),
        )

    def _ports_changed(self) -> None:
        """See which ports of services the host does not listen at."""
        taken = tuple(taken_ports(self._ports, self._host_ports.waiting))
        if taken != self._taken:
            self._taken = taken
            self._tell()
            self._tasks.spawn(self._tell_services(), "tell services of their ports")

    async def enable(self, caller: CallerEnvironment, use: bool, rebuild: bool) -> AsyncIterator[Event]:
        """Turn it on, and follow it until pods can run."""
        self.kubeconfig.caller = caller
        async for event in self._do("enabling", partial(self._enable, use, rebuild)):
            yield event

    async def disable(self) -> AsyncIterator[Event]:
        """Turn it off. The cluster's state is kept, and other containers go on."""
        async for event in self._do("disabling", self._disable):
            yield event

    async def reset(self) -> AsyncIterator[Event]:
        """Delete the cluster with all that is in it. Images stay. If it is on, a new one is started."""
        async for event in self._do("reset", self._reset):
            yield event

    async def backups(self) -> list[KubernetesBackupReport]:
        """What the state of the cluster was in the last hours.

        :raise EngineError: the engine does not run, or they cannot be listed.
        """
        found = await Cluster(self._require_link()).backups()
        return [KubernetesBackupReport(**asdict(one)) for one in found]

    async def restore(self, number: int) -> AsyncIterator[Event]:
        """Make the cluster what it was when a backup was taken, and follow it until pods can run."""
        async for event in self._do("restoring", partial(self._restore, number)):
            yield event

    async def end(self) -> None:
        """Take our context out of the user's kubeconfig: the machine, which does not run, is deleted.

        :raise KubeconfigError: that is not possible now.
        """
        async with self._lock:
            await self._withdraw()

    async def _do(self, name: str, work: Callable[[Emit], Awaitable[str]]) -> AsyncIterator[Event]:
        """Follow such work, or join it. Enabling is given up for other work.

        :raise ClusterError: other work is under way.
        """
        asked = f"{name} of Kubernetes"
        if self._job is not None and not self._job.done and self._job.name not in (asked, ENABLING):
            raise ClusterError(f"The {self._job.name} is under way", "Wait until that is done.")
        if self._job is not None and not self._job.done and self._job.name != asked:
            await self._job.cancel()
        if self._job is None or self._job.done:
            self._job = Job(asked, work, pinned=asked != ENABLING)
        async for event in self._job.follow():
            yield event

    async def _enable(self, use: bool, rebuild: bool, emit: Emit) -> str:
        if rebuild or not self._wanted:

            def progress(text: str, fraction: float | None) -> None:
                emit(Event("progress", text, fraction))

            await obtain_kubernetes(self._arch, self._store, progress, force=rebuild)
            await self._settings.change({SETTING: "true"})
        if use:
            self.kubeconfig.use, self.kubeconfig.entry = True, None
            self._entry_is_new = True
            await self._reconcile(again=True)
        if (status := await self._come_up(emit)) is None:
            return LATER
        return "\n".join(self._outcome(status))

    async def _come_up(self, emit: Emit) -> ClusterStatus | None:
        """Follow the cluster until pods can run; None: the engine does not run, and is not being started.

        :raise UserError: it does not come up.
        """
        said = ""
        while self._link is not None or await self._engine_came(emit):
            news = self._news
            if self._failure is not None:
                raise self._failure.copy()
            if self._ready and self._status is not None:
                return self._status
            text = self._progress()
            if text != said:
                emit(Event("progress", text))
                said = text
            await news.wait()
        return None

    async def _engine_came(self, emit: Emit) -> bool:
        """Whether there is a link once the engine has been started or taken over, if that is under way."""
        idle = asyncio.Event()
        self.when_idle(idle.set)
        if not idle.is_set():
            emit(Event("progress", self._progress()))
            await idle.wait()
        return self._link is not None

    def _outcome(self, status: ClusterStatus) -> list[str]:
        lines = [ON.format(version=status.version)]
        kubeconfig = self.kubeconfig
        if kubeconfig.failure is not None:
            lines.append(f"{kubeconfig.failure.message}. {kubeconfig.failure.hint}")
            lines.append(f"A kubeconfig of its own is {kubeconfig.own_file}")
        elif kubeconfig.merged is not None and kubeconfig.merged.current:
            lines.append(f"kubectl uses it: “slipway” is the current context in {kubeconfig.merged.path}")
        else:
            lines.append(KUBECTL)
        return lines

    async def _disable(self, emit: Emit) -> str:
        if not self._wanted:
            return "Kubernetes is already off"
        emit(Event("progress", "stopping the cluster"))
        await self._settings.change({SETTING: "false"})
        await self._reconcile()
        return "Kubernetes is off. Its state is kept; to delete it: slipway kubernetes reset"

    async def _reset(self, emit: Emit) -> str:
        link = self._require_link()
        async with self._lock:
            emit(Event("progress", "deleting the cluster"))
            await self._task.close()
            await Cluster(link).down("reset")
            await self._withdraw()
        await self._reconcile()
        return "The cluster was deleted" + (", and a new one is starting" if self._wanted else "")

    async def _restore(self, number: int, emit: Emit) -> str:
        cluster = Cluster(self._require_link())
        if not self._wanted:
            raise ClusterError("Kubernetes is off", "Turn it on: slipway kubernetes enable")
        try:
            async with self._lock:
                restored = await restore(cluster, number, emit, self._task.close)
        finally:
            self._status, self._failure, self._entry_is_new = None, None, True
            await self._reconcile()
        await self._come_up(emit)
        return restored

    def _require_link(self) -> Link:
        if self._link is None:
            raise ClusterError("The engine is not running", "Start it: slipway start")
        return self._link

    # -- the cluster ----------------------------------------------------------------------------------------------

    async def _reconcile(self, *, again: bool = False) -> None:
        """Have the cluster run as the setting says. :param again: begin to follow it anew

        :raise UserError: it cannot be stopped.
        """
        async with self._lock:
            if again:
                await self._task.close()
            if self._wanted:
                self._task.use(self._link)
                return
            await self._task.close()
            if self._link is not None and self._may_run:
                self._stage = "stopping"
                self._tell()
                await Cluster(self._link).down("clean")
                self._may_run = False
            await self._withdraw()

    async def _withdraw(self) -> None:
        """Nothing of the cluster answers on the host any more.

        :raise KubeconfigError: the user's kubeconfig cannot be edited.
        """
        self._forget()
        self._host_ports.follow(SETTING, ())
        self._tell()
        await self.kubeconfig.withdraw()

    async def _mount(self, link: Link) -> None:
        """Have the machine find the image. One that it has is kept until it stops: no other fits into the slot."""
        self._stage = "preparing"
        if await self._slot.occupant() != SERIAL:
            image = (await obtain_kubernetes(self._arch, self._store, self._note)).image
            await asyncio.to_thread(self._store.prune, (image.version,))
            await self._slot.plug(image.folder / DISK, SERIAL)
        await Cluster(link).mount()

    def _note(self, text: str, fraction: float | None) -> None:
        self._stage = text if fraction is None else f"{text} ({fraction:.0%})"
        self._tell()

    async def _keep(self, link: Link) -> None:
        """Start the cluster and follow it until the link is gone."""
        self._failure = None
        cluster = Cluster(link)
        try:
            await self._mount(link)
            self._stage, self._may_run = "", True
            self._tell()
            await cluster.up()
            async with aclosing(cluster.follow()) as following:
                async for status in following:
                    await self._take(cluster, status)
        except UserError as error:
            self._failure = error
            self._tell()
            raise

    async def _take(self, cluster: Cluster, status: ClusterStatus) -> None:
        answers = any(part.name == API and part.state == RUNNING for part in status.parts)
        self._status = status
        if not answers:
            self._entry_is_new = True  # another start has other certificates
        elif self._entry_is_new:
            if self._port is None:
                self._port = await asyncio.to_thread(free_port, API_PORTS)
            await self.kubeconfig.write(read_entry(await cluster.admin(), self._port))
            self._entry_is_new = False
            self._tasks.spawn(self._tell_services(), "tell services of their ports")
        self._warnings.set(SETTING, [WarningReport(status.notice, LOST)] if status.notice else [])
        self._failure = ClusterError(status.error, ANEW) if status.phase == FAILED else None
        self._host_ports.follow(SETTING, forwards(status.ports, self._port if answers else None))
        self._tell()

    @property
    def _ports(self) -> tuple[ServicePort, ...]:
        return self._status.ports if self._status is not None else ()

    async def _tell_services(self) -> None:
        if self._link is None:
            return
        try:
            await Cluster(self._link).tell(self._taken)
        except LinkError as error:  # told with the next start
            log.info("services are not told of their ports: %s", error.message)

    def _state(self) -> str:
        if not self._wanted:
            return "off" if not self._stage else self._stage
        if self._failure is not None:
            return "failed"
        if self._link is None:
            return "waiting"
        if self._ready:
            return "running"
        return "preparing" if self._stage else "starting"

    @property
    def _ready(self) -> bool:
        """Whether pods can run, and kubectl finds the API."""
        return self._status is not None and self._status.ready and not self._entry_is_new

    def _progress(self) -> str:
        """What goes on, in words; empty when there is nothing to wait for."""
        if self._status is not None:
            return self._status.pending
        if not self._wanted:
            return self._stage
        if self._link is None:
            return "waiting for the engine"
        return self._stage or "starting the cluster"

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()
        self._changed()
