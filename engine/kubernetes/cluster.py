"""The cluster in the machine: started and stopped over the link, its status followed for as long as it runs.

In the machine it is one service (vm/image/kubernetes/rootfs), which goes on when the host's supervisor ends. That
service reports its status at a Unix socket: a line of JSON at once, and another one after each change.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, Iterable, Mapping
from dataclasses import asdict, dataclass

from engine.kubernetes.backups import Backup, parse_backups
from vm.errors import EngineError, HostError, LinkError
from vm.guest.forward import MACHINE, Forward
from vm.guest.stream import Link

SERIAL = "slipway-kubernetes"
"""How the machine recognises the disk with the Kubernetes image."""

FOLDER = "/usr/lib/slipway/kubernetes"
"""Where that is mounted."""

DATA = "/var/lib/slipway/kubernetes"
"""Everything that the cluster keeps."""

RUN = "/run/slipway/kubernetes"
STATUS_SOCKET = f"{RUN}/status.sock"
ADMIN = f"{RUN}/pki/admin.conf"
"""The administrator's kubeconfig; made again at each start of the cluster."""

API_PORT = 6443
"""Where the API listens in the machine, and on the host if the port is free there."""

API_PORTS = range(API_PORT, API_PORT + 100)
"""Where it may answer on the host; the first that is free."""

CLUSTER = "kubernetes-"
"""What the keys of the cluster's forwards begin with."""

LOOPBACK = ("127.0.0.1", "::1")

READY = "ready"
RUNNING = "running"
FAILED = "failed"

MOUNT = f"""
. /usr/lib/slipway/lib.sh
[ ! -x {FOLDER}/up ] || exit 0
mkdir -p {FOLDER}
tries=0
until device=$(disk {SERIAL}) && [ -b "$device" ]; do
    tries=$((tries + 1))
    [ $tries -lt 1500 ] || {{ echo "there is no disk named {SERIAL}" >&2; exit 1; }}
    usleep 20000 # disks appear at some time, and nothing here can be told of it
done
mount -t erofs -o ro "$device" {FOLDER}
"""

MOUNT_SECONDS = 60.0
UP_SECONDS = 30.0
DOWN_SECONDS = 300.0
"""For all pods to end, and all parts of the cluster after them."""

BACKUP_SECONDS = 120.0
"""To take a backup, or to put one in the place of the cluster's state."""

LIST_BACKUPS = f"""
cd {DATA}/backups 2>/dev/null || exit 0
for file in *.db; do [ ! -f "$file" ] || echo $(wc -c <"$file") "$file"; done
"""

APPEAR_SECONDS = 0.25
"""Between attempts to reach a service that has just been started."""

LINE_LIMIT = 1 << 20
NO_STATUS = "The cluster reports something else than its status"


class ClusterError(EngineError):
    """The cluster cannot be started, stopped or understood."""


@dataclass(frozen=True)
class ClusterPart:
    """One of the cluster's programs.

    :ivar state: ``starting``, ``running``, ``restarting`` or ``stopped``.
    :ivar restarts: since the cluster was started.    :ivar error: why it was started again, while that lasts.
    """

    name: str
    state: str
    restarts: int
    error: str


@dataclass(frozen=True)
class ServicePort:
    """A port of a Service that is to answer on the host's localhost.

    :ivar protocol: ``tcp`` or ``udp``.    :ivar port: there.    :ivar target: in the machine.
    """

    namespace: str
    name: str
    protocol: str
    port: int
    target: int


@dataclass(frozen=True)
class TakenPort:
    """A port of a Service that the host does not listen at. :ivar reason: why, in a sentence."""

    namespace: str
    name: str
    protocol: str
    port: int
    reason: str


@dataclass(frozen=True)
class ClusterStatus:
    """How the cluster is.

    :ivar phase: ``starting``, ``running``, ``stopping``, or ``failed``: it is not tried again.
    :ivar version: of Kubernetes: ``v1.37.2``.
    :ivar error: why it does not go on.    :ivar node: ``ready``, or why the node is not.
    :ivar notice: what the user should know, though it goes on: that a backup was restored; else empty.
    """

    phase: str
    version: str
    error: str
    node: str
    parts: tuple[ClusterPart, ...]
    ports: tuple[ServicePort, ...]
    notice: str = ""

    @property
    def ready(self) -> bool:
        """Whether pods can run."""
        return self.phase == RUNNING and self.node == READY

    @property
    def pending(self) -> str:
        """What it waits for, in words; empty when it is ready."""
        if self.error or self.ready:
            return self.error
        late = next((part for part in self.parts if part.state != RUNNING), None)
        if late is not None:
            return f"{late.name} is {late.state}" + (f": {late.error}" if late.error else "")
        return f"the node is not ready: {self.node}" if self.phase == RUNNING else self.phase


def parse_status(line: bytes) -> ClusterStatus:
    """Read a line of the status socket (vm/image/kubernetes/program/status.go).

    :raise ClusterError: it is something else.
    """
    try:
        value = json.loads(line)
        parts = tuple(ClusterPart(**part) for part in value.pop("parts"))
        ports = tuple(ServicePort(**port) for port in value.pop("ports"))
        return ClusterStatus(**value, parts=parts, ports=ports)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ClusterError(
            "The cluster reports something else than its status", detail=f"{line[:200]!r}"
        ) from error


def forwards(ports: Iterable[ServicePort], api_port: int | None) -> list[Forward]:
    """What to listen on at the host's loopback addresses, in a fixed order.

    :param api_port: where the API is to answer; None: nowhere yet.
    """
    found: dict[str, Forward] = {}
    if api_port is not None:
        found["api"] = Forward(f"{CLUSTER}api", "tcp", "127.0.0.1", api_port, "127.0.0.1", API_PORT)
    for port in ports:
        for address in LOOPBACK:
            key = _key(port, address)
            found.setdefault(key, Forward(key, port.protocol, address, port.port, MACHINE, port.target))
    return list(found.values())


def taken_ports(ports: Iterable[ServicePort], failures: Mapping[str, str]) -> list[TakenPort]:
    """The ports of services that the host does not listen at for them, in a fixed order.

    :param failures: why one of :func:`forwards` is not listened at, by its key.
    """
    owners: dict[str, ServicePort] = {}
    taken = []
    for port in ports:
        reason = next((failures[key] for key in (_key(port, one) for one in LOOPBACK) if key in failures), "")
        owner = owners.setdefault(_key(port, LOOPBACK[0]), port)
        if owner is not port:
            reason = f"the service {owner.namespace}/{owner.name} has this port already"
        if reason:
            taken.append(TakenPort(port.namespace, port.name, port.protocol, port.port, reason))
    return taken


def _key(port: ServicePort, address: str) -> str:
    return f"{CLUSTER}{port.protocol}-{address}-{port.port}"


def free_port(ports: Iterable[int]) -> int:
    """The first of these ports that nothing listens at on 127.0.0.1. Blocks.

    :raise HostError: there is none.
    """
    for port in ports:
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
    raise HostError("No port for the API of Kubernetes is free on your computer", "Free one of 6443 to 6542.")


class Cluster:
    """The cluster of the machine at the other end of a link."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def mount(self) -> None:
        """Mount the disk with the image, which has been plugged in.

        :raise ClusterError: it does not appear.    :raise LinkError: the machine cannot be reached.
        """
        await self._run(MOUNT, MOUNT_SECONDS, "The disk with Kubernetes cannot be mounted")

    async def up(self) -> None:
        """Start the cluster; nothing happens if it runs.

        :raise ClusterError: that is not possible.    :raise LinkError: the machine cannot be reached.
        """
        await self._run(f"exec {FOLDER}/up", UP_SECONDS, "The cluster cannot be started")

    async def down(self, then: str = "") -> None:
        """Stop the cluster.

        :param then: ``clean``: remove containers of pods, mounts and packet filter rules; ``reset``: delete the
            cluster's data as well.
        :raise ClusterError: that is not possible.    :raise LinkError: the machine cannot be reached.
        """
        command = f"[ ! -x {FOLDER}/down ] || {FOLDER}/down {then}"  # where it is not mounted nothing runs
        if then == "reset":
            command += f"\nrm -rf {DATA}"
        await self._run(f"set -e\n{command}", DOWN_SECONDS, "The cluster cannot be stopped")

    async def admin(self) -> str:
        """The administrator's kubeconfig.

        :raise ClusterError: there is none yet.    :raise LinkError: the machine cannot be reached.
        """
        return await self._run(f"cat {ADMIN}", UP_SECONDS, "The cluster has no kubeconfig yet")

    async def backups(self) -> list[Backup]:
        """The backups of its state, the newest first.

        :raise ClusterError: they cannot be listed.    :raise LinkError: the machine cannot be reached.
        """
        return parse_backups(await self._run(LIST_BACKUPS, UP_SECONDS, "The backups cannot be listed"))

    async def back_up(self) -> None:
        """Take a backup now, of a cluster whose etcd runs. No other backup is deleted for it.

        :raise ClusterError: that is not possible.    :raise LinkError: the machine cannot be reached.
        """
        await self._run(f"exec {FOLDER}/bin/cluster backup", BACKUP_SECONDS, "The cluster cannot be backed up")

    async def restore(self, number: int) -> None:
        """Put a backup in the place of the state of the cluster, which is stopped. If that fails, the state stays.

        :raise ClusterError: that is not possible.    :raise LinkError: the machine cannot be reached.
        """
        failure = f"The backup {number} cannot be restored"
        await self._run(f"exec {FOLDER}/bin/cluster restore {number}", BACKUP_SECONDS, failure)

    async def follow(self) -> AsyncGenerator[ClusterStatus]:
        """The status now, and after each change; of the next one when the service is started again.

        :raise LinkError: the machine cannot be reached.    :raise ClusterError: it reports something else.
        """
        while not self._link.closed.is_set():
            try:
                stream = await self._link.open_unix(STATUS_SOCKET)
            except LinkError:  # the service has just been started, or is being started again
                await asyncio.sleep(APPEAR_SECONDS)
                continue
            try:
                rest = b""
                while data := await stream.read(1 << 16):
                    *lines, rest = (rest + data).split(b"\n")
                    if lines:
                        yield parse_status(lines[-1])
                    if len(rest) > LINE_LIMIT:
                        raise ClusterError(NO_STATUS)
            finally:
                await stream.close()
        raise LinkError("The connection to the machine was lost")

    async def tell(self, taken: Iterable[TakenPort]) -> None:
        """Have the services' events say which of their ports the host does not listen at; all that there are now.

        :raise LinkError: the cluster cannot be reached.
        """
        stream = await self._link.open_unix(STATUS_SOCKET)
        try:
            await stream.write(json.dumps([asdict(one) for one in taken]).encode() + b"\n")
            await stream.write_eof()
            while await stream.read(1 << 16):
                pass  # the status; it ends when all was heard
        finally:
            await stream.close()

    async def _run(self, command: str, seconds: float, failure: str) -> str:
        done = await self._link.run(command, timeout=seconds)
        if done.exit_code != 0:
            said = done.stderr.decode(errors="replace").strip()
            raise ClusterError(failure, "See: slipway kubernetes status", said)
        return done.stdout.decode(errors="replace")
