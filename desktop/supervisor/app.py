"""The composition root: makes the supervisor's pieces and gives each what it needs. It only wires.

Data flows one way: the backend reports to the lifecycle, the lifecycle moves the gate and attaches the parts, and
the notifier wakes the watchers of the status. The endpoint's listener lives as long as this object is open.
"""

from __future__ import annotations

import asyncio

from desktop.settings.store import SettingsStore
from desktop.supervisor.admission import make_admission
from desktop.supervisor.default_socket import DefaultSocket
from desktop.supervisor.engines.make import EngineMaker
from desktop.supervisor.environment import UserEnvironment
from desktop.supervisor.guest import MachineAccess
from desktop.supervisor.lifecycle.boot_history import BootHistory
from desktop.supervisor.lifecycle.boot_plan import BootPlanner
from desktop.supervisor.lifecycle.phase import Phase
from desktop.supervisor.lifecycle.status import StatusReporter
from desktop.supervisor.notifier import Notifier
from desktop.supervisor.operations.credentials import Credentials
from desktop.supervisor.operations.daemon_json import DaemonJson
from desktop.supervisor.operations.debug import Debug
from desktop.supervisor.operations.desktop_entry import DesktopEntry
from desktop.supervisor.operations.disk import Disk
from desktop.supervisor.operations.docker_context import DockerContext
from desktop.supervisor.operations.engine_reload import EngineReload
from desktop.supervisor.operations.folder_check import require_folders
from desktop.supervisor.operations.guest_logs import GuestLogs
from desktop.supervisor.operations.images import Images
from desktop.supervisor.operations.reset import Reset
from desktop.supervisor.operations.support import Support
from desktop.supervisor.operations.windows_setup import WindowsSetup
from desktop.supervisor.parts.engine_events import EngineEventHub
from desktop.supervisor.parts.file_events import FileEvents
from desktop.supervisor.parts.folders import Folders
from desktop.supervisor.parts.host_network import HostNetworkPorts
from desktop.supervisor.parts.host_sockets import MountedSockets
from desktop.supervisor.parts.kubernetes import KubernetesCluster
from desktop.supervisor.parts.names import HostNames
from desktop.supervisor.parts.pod_proxies import ClusterProxies
from desktop.supervisor.parts.ports import Ports
from desktop.supervisor.parts.proxies import HostProxies
from desktop.supervisor.parts.registry import PartRegistry
from desktop.supervisor.parts.swarm_ports import SwarmPorts
from desktop.supervisor.parts.tls import Tls
from desktop.supervisor.parts.trust import HostTrust
from desktop.supervisor.settings import LiveSettings
from desktop.supervisor.warnings import Warnings
from engine.backends.linux_guest import LinuxGuest
from vm.host import Host
from vm.host.docker_address import remove_link
from vm.host.paths import Paths
from vm.image.kubernetes.build import KUBERNETES
from vm.image.store import ImageStore
from vm.machine import Machine
from vm.qemu.slot import SpareSlot
from vm.qemu.usernet import UserNetwork


class Supervisor:
    """All of Slipway that runs in the background.

    :ivar ending: set when the process shall end.    :ivar notice: called with each client's environment.
    """

    def __init__(self, paths: Paths, host: Host) -> None:
        self.paths = paths
        self.ending = asyncio.Event()
        self.notifier, self.environment = Notifier(), UserEnvironment()
        self.notice = self.environment.notice
        self._warnings = Warnings(self.notifier.notify)
        self.settings = LiveSettings(SettingsStore(paths.settings), host)
        self._machine = Machine(paths, host)
        self._guest = MachineAccess(self._machine)
        self._make_parts(paths, host)
        self._make_lifecycle(paths, host)
        self._make_operations(paths, host)
        self._connect()

    def _make_parts(self, paths: Paths, host: Host) -> None:
        hub, network = EngineEventHub(), UserNetwork(self._machine.execute)
        self.ports = Ports(self._guest, self._machine.answer, network, lambda: hub.events.connected)
        self._file_events = FileEvents(paths, self.settings, hub.events)
        self.folders = Folders(paths, host, self._guest, self._file_events.unwatched)
        self._sockets = MountedSockets(paths, host, self.settings, hub.events, self.environment.agents)
        proxies = HostProxies(paths, host, self.settings, self.environment, self._warnings)
        self.reload = EngineReload(paths, self._guest)
        known = (self._guest, self.settings, self.folders, self.ports, self._sockets, proxies)
        admission = make_admission(*known, self.reload.gateways)
        self._maker = EngineMaker(paths, host, self.settings, admission, self.notifier.notify)
        self.tls = Tls(paths, host, self._maker.endpoint, self.notifier, self._warnings)
        slot, ports = SpareSlot(self._machine.execute), self.ports.publisher
        user, warn, notify = self.environment, self._warnings, self.notifier.notify
        self.kubernetes = KubernetesCluster(paths, host, self.settings, user, slot, ports, warn, notify)
        self.parts = PartRegistry(
            (
                hub,  # the next two and the file events follow it
                HostNetworkPorts(hub.events, ports),  # they tell the ports what to listen on
                SwarmPorts(hub.events, ports),
                self.kubernetes,
                ClusterProxies(self.kubernetes.kubeconfig, proxies, self.settings, user),
                self.ports,
                self.folders,
                self._sockets,
                HostNames(host),
                HostTrust(host, self.environment, self._warnings),
                proxies,
                self._file_events,
                self.tls,
            )
        )

    def _make_lifecycle(self, paths: Paths, host: Host) -> None:
        self._planner = BootPlanner(paths, host, self.settings, self.parts.plan, lambda: self._machine.failure)
        self._backend = LinuxGuest(self._machine, self._planner.plan, self._recall)
        self.history = BootHistory(paths.boots)
        self.engines = self._maker.make(self._backend, self.parts, self.history.add)
        self.wanted, self.woke = self.engines.wanted, self._machine.host_woke
        self._default = DefaultSocket(
            host, self._maker.endpoint, self.settings.get, self.engines, self.notifier, self._warnings
        )
        self.status = StatusReporter(
            self.engines,
            self.settings,
            self._guest,
            self._machine.memory,
            self._planner,
            self.parts,
            host,
            self.notifier,
            paths.docker_host,
            lambda: self._maker.endpoint.connections,
            lambda: self.ending.is_set() and self.engines.lifecycle.phase is Phase.STOPPED,
            self._warnings.list,
            self._default.addresses,
            self.tls.address,
        )

    def _make_operations(self, paths: Paths, host: Host) -> None:
        store, windows = ImageStore(paths.images), self._maker.windows
        self.disk = Disk(paths, host, self.settings, self._machine)
        self.images = Images(store, host.arch, self.settings, self._guest)
        also, contexts = self._default.addresses, self._maker.contexts
        self.docker_context = DockerContext(paths, self.settings, self._warnings, also, contexts)
        self.guest_logs = GuestLogs(paths, self._guest, windows)
        self.credentials, self.desktop_entry = Credentials(paths.helpers), DesktopEntry(paths)
        stores = (store, ImageStore(paths.kubernetes_images, KUBERNETES))
        life, ends = self.engines.machine, (self._sockets.sockets.forget, self.tls.end, self.kubernetes.end)
        self.reset = Reset(paths, self.settings, life, stores, self.desktop_entry, *ends)
        known = (self.settings, self.status, self.history, self.docker_context, self.guest_logs)
        self.support = Support(paths, host, *known, self.folders, self.ports, self._file_events.unwatched)
        self.windows_setup = WindowsSetup(host, self.engines, windows, self.settings, self.notifier.notify)
        self.debug = Debug(self.engines.machine, self.parts, self._maker.endpoint)

    def _connect(self) -> None:
        """Who hears of what."""
        self._machine.changed.append(self._backend.machine_changed)
        self._machine.link_changed.append(self._backend.link_changed)
        self._machine.asked.append(self.ports.guest_asked)
        for life in self.engines.lives:
            life.started.append(self.docker_context.offer_expected)
        self.engines.machine.started.append(self.images.prune)
        self.kubernetes.when_idle = self.engines.machine.when_idle
        self.settings.checks += [require_folders, DaemonJson(self._guest).require_valid, self.disk.require_growth]
        self.settings.effects += [self.desktop_entry, self.reload, self.windows_setup.daemon]
        self.settings.final = self.disk.apply_growth
        self.settings.subscribe(self.parts.configure)
        self.settings.subscribe(lambda _: self.notifier.notify())

    async def _recall(self) -> None:
        if (record := self._guest.record) is not None:
            await self._planner.recall(record)

    # -- the process's life -------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Listen on the user's socket, and take over a machine that an earlier supervisor left.

        :raise UserError: the socket cannot be made.
        """
        self.parts.configure(self.settings.get())
        await self._maker.listen()
        self._default.start()
        self.engines.open(machine_left=self.paths.qemu_record.exists())  # a name in a local folder

    async def settle(self) -> None:
        """Stop what runs, for an orderly end of the process."""
        await self.images.cancel_builds()
        await self.engines.settle()
        self.notifier.notify()  # status watchers end

    async def close(self) -> None:
        """Give up the user's socket and ports. A machine that still runs is adopted by the next supervisor."""
        await self.parts.close()
        await self._default.close()
        await self._maker.close()
        remove_link(self.paths.docker_link)
