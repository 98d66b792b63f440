"""Shares: for each shared folder, the stream between its mount in the machine and the SFTP daemon.

The guest's end is a program (vm/image/rootfs/usr/lib/slipway/folder) that mounts the folder unless it is mounted,
and then is the stream. When the stream is cut, this module connects again. Where virtiofs carries the folder, the
stream only says so, for as long as that lasts.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import shlex
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import partial

from engine.endpoint.relay import relay, uncounted
from engine.folders.daemon_process import DaemonProcess
from vm.errors import HostError, LinkError, MachineError
from vm.guest.hostpath import to_guest
from vm.guest.stream import Carrier, Stream
from vm.host import Host
from vm.host.paths import Paths
from vm.tasks import SupervisedTask, TaskSet

log = logging.getLogger(__name__)

PROGRAM = "/usr/lib/slipway/folder"
RETRY_SECONDS = 0.5
"""Between two attempts at a folder while the link is there."""

PROBE_SECONDS, PATIENCE_SECONDS = 5.0, 5.0
"""How often a folder that virtiofs carries has to answer, and within which time."""

RENEW_SECONDS = 30.0
"""For a folder to be there again by SFTP; it takes less than a second."""

VIRTIOFS, SFTP = "virtiofs", "sftp"
"""What carries a folder."""

MOUNTED, WAITING = "mounted", "waiting for the machine"
"""States of a folder; others say what is wrong."""

Birth = tuple[int, str]


@dataclass(frozen=True)
class Share:
    """One folder of the host.

    :ivar folder: absolute, on the host.    :ivar place: its path in the machine.
    """

    folder: str
    place: str

    @classmethod
    def of(cls, folder: str) -> Share:
        """The share of ``folder``, which is mounted at the same place."""
        return cls(folder, to_guest(folder))

    @property
    def key(self) -> str:
        """A short name without any special characters."""
        return hashlib.sha256(self.place.encode()).hexdigest()[:16]


def table(folders: Iterable[str]) -> str:
    """What the guest mounts when it starts: a line for each folder, key and place."""
    shares = [Share.of(folder) for folder in folders if "\n" not in folder]
    return "".join(f"{share.key} {share.place}\n" for share in shares) or "\n"  # QEMU refuses an empty file


class Shares:
    """All shared folders of one machine; belongs to the loop it was made in.

    :param machine: process id and identity of the machine's process now; None when there is none.
    :param let_go: called when the machine does not need virtiofs for a folder any more.
    :param silent: called when a folder does not answer by virtiofs, with how many times in a row; returns why.
    :ivar states: by folder: :data:`MOUNTED`, or what it is waiting for.
    :ivar carriers: by folder, what has carried it last: :data:`VIRTIOFS` or :data:`SFTP`.
    """

    def __init__(
        self,
        paths: Paths,
        host: Host,
        machine: Callable[[], Birth | None],
        let_go: Callable[[Share], Awaitable[None]],
        silent: Callable[[Share, int], Awaitable[str]],
    ) -> None:
        self._daemon = DaemonProcess(paths, host)
        self._machine = machine
        self._let_go = let_go
        self._silent = silent
        self._shares: dict[str, Share] = {}
        self._carrier: Carrier | None = None
        self._tasks: dict[str, SupervisedTask] = {}
        self._others = TaskSet()
        self._by_sftp: dict[str, asyncio.Event] = {}
        self.states: dict[str, str] = {}
        self.carriers: dict[str, str] = {}

    @property
    def shares(self) -> list[Share]:
        """What is shared, in the order it was given."""
        return list(self._shares.values())

    def share(self, folders: Iterable[str]) -> None:
        """Share these folders from now on, and no others."""
        before, self._shares = self._shares, {item: Share.of(item) for item in folders if "\n" not in item}
        for folder, share in before.items():
            if folder not in self._shares:
                self._end(folder)
                if self._carrier is not None:
                    self._others.spawn(self._unshare(share, self._carrier), f"unshare {folder}")
        self.states = {folder: self.states.get(folder, WAITING) for folder in self._shares}
        for share in self._shares.values():
            if share.folder not in self._tasks:
                self._begin(share)

    def use(self, carrier: Carrier | None) -> None:
        """Serve the folders over ``carrier`` from now on; None while there is no link."""
        if carrier is self._carrier:
            return
        self._carrier = carrier
        for share in self._shares.values():
            self._begin(share)

    async def to_sftp(self, share: Share) -> None:
        """Carry a folder by SFTP from now on. What is open in the machine stays with virtiofs.

        :raise LinkError: the machine cannot be reached, or does not do it.
        """
        if self._carrier is None:
            raise LinkError("The machine cannot be reached")
        stream = await self._carrier.open_exec(shlex.join([PROGRAM, "renew", share.key]))
        mounted = self._by_sftp.setdefault(share.folder, asyncio.Event())
        try:
            async with asyncio.timeout(RENEW_SECONDS):
                await stream.read(4096)
                self._begin(share)
                await mounted.wait()
        except TimeoutError:
            await stream.close()
            raise LinkError("The machine does not mount it again", detail=self.states[share.folder]) from None
        except BaseException:
            await stream.close()
            raise
        finally:
            self._by_sftp.pop(share.folder, None)
        self._others.spawn(self._until_let_go(share, stream), f"virtiofs of {share.folder}")

    async def close(self) -> None:
        """Close all streams. The SFTP daemon stays with the machine, and so do the mounts."""
        self._carrier = None
        tasks, self._tasks = list(self._tasks.values()), {}
        for task in tasks:
            task.cancel()
        for task in tasks:
            await task.stop()
        await self._others.close()

    def _begin(self, share: Share) -> None:
        """Serve a folder over the link of now."""
        self._end(share.folder)
        if self._carrier is not None:
            work = partial(self._keep_up, share, self._carrier)
            task = self._tasks[share.folder] = SupervisedTask(f"share {share.folder}", work)
            task.start()

    def _end(self, folder: str) -> None:
        if folder in self._tasks:
            self._tasks.pop(folder).cancel()

    # -- one folder -----------------------------------------------------------------------------------------------

    async def _keep_up(self, share: Share, carrier: Carrier) -> None:
        try:
            while self._carrier is carrier:
                try:
                    await self._carry(share, carrier)
                except (MachineError, HostError, OSError) as error:
                    self.states[share.folder] = str(error)
                    log.debug("%s: %s", share.folder, error)
                await asyncio.sleep(RETRY_SECONDS)
        finally:
            if share.folder in self.states:
                self.states[share.folder] = WAITING

    async def _carry(self, share: Share, carrier: Carrier) -> None:
        """From a connection on both sides to the end of either."""
        machine = self._machine()
        if machine is None:
            return
        guest = await carrier.open_exec(shlex.join([PROGRAM, "attach", share.key, share.place]))
        try:
            hello = await guest.read(65536)
            if not hello:
                raise LinkError("the machine does not mount it")
            if hello.startswith(VIRTIOFS.encode()):
                self._carried(share, VIRTIOFS)
                await self._attend(share, guest)
                return
            daemon = await self._daemon.connect()
            try:
                order = {"folder": share.folder, "pid": machine[0], "birth": machine[1]}
                await daemon.write(json.dumps(order).encode() + b"\n" + hello)
                self._carried(share, SFTP)
                with contextlib.suppress(LinkError):
                    await relay(daemon, guest, uncounted, uncounted)
            finally:
                daemon.abort()
        finally:
            await guest.close()

    async def _attend(self, share: Share, guest: Stream) -> None:
        """Until virtiofs does not carry the folder any more; it has to answer now and then."""
        reading = asyncio.ensure_future(guest.read(4096))
        try:
            while True:
                if not (await asyncio.wait([reading], timeout=PROBE_SECONDS))[0]:
                    await guest.write(b"\n")
                times = 0
                while not (await asyncio.wait([reading], timeout=PATIENCE_SECONDS))[0]:
                    times += 1
                    self.states[share.folder] = f"does not answer: {await self._silent(share, times)}"
                    log.warning("%s %s", share.folder, self.states[share.folder])
                if not reading.result():
                    return
                self.states[share.folder] = MOUNTED
                reading = asyncio.ensure_future(guest.read(4096))
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    def _carried(self, share: Share, by: str) -> None:
        self.states[share.folder] = MOUNTED
        self.carriers[share.folder] = by
        if by == SFTP and share.folder in self._by_sftp:
            self._by_sftp[share.folder].set()
        log.info("%s is carried by %s", share.folder, by)

    async def _unshare(self, share: Share, carrier: Carrier) -> None:
        try:
            stream = await carrier.open_exec(shlex.join([PROGRAM, "end", share.key]))
        except LinkError as error:
            log.warning("%s: %s", share.folder, error)
            return
        await self._until_let_go(share, stream)

    async def _until_let_go(self, share: Share, stream: Stream) -> None:
        """:param stream: ends when virtiofs is not needed for the folder any more."""
        try:
            while await stream.read(4096):
                pass
            await self._let_go(share)
        except MachineError as error:
            log.warning("%s: %s", share.folder, error)
        finally:
            await stream.close()
