"""The TLS listener: the endpoint answers at a TCP port as well, for clients with a certificate. Off until enabled.

Whether and where is not a setting: enabling it at an address that others reach is confirmed by the user, which a
change of a setting would pass over. It listens for as long as the supervisor lives, as the local socket does.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator, Sequence
from typing import Protocol

from desktop.control.schema import Note, PartReport, TlsBundle, TlsClientReport, TlsReport, WarningReport
from desktop.settings.schema import Settings
from desktop.supervisor.notifier import Notifier
from desktop.supervisor.parts.base import Part, reported
from desktop.supervisor.warnings import Warnings
from engine.endpoint.listener import Listener
from engine.tls import ClientState, Place, TlsListener, TlsStore
from engine.tls.store import Record
from vm.host import Host
from vm.host.paths import Paths
from vm.shielded import shielded
from vm.tasks import SupervisedTask

log = logging.getLogger(__name__)

LOOK_SECONDS = 3600.0
"""Between looks whether the server's certificate is too old, or this computer has other addresses."""

RENEW_SECONDS = 86400.0
"""Age at which the server's certificate is made anew; it is valid for 90 days."""

WARN_SECONDS = 30 * 86400.0
"""Before a client's certificate expires."""

WARN_AUTHORITY_SECONDS = 90 * 86400.0
"""Before the authority does, ten years after it was made: no certificate of it can be valid for longer."""


class SecondAddress(Protocol):
    """The endpoint, as far as it answers at more than one address."""

    async def listen_also(self, listener: Listener) -> None:
        """:raise EngineError: another process listens there, or the address cannot be used."""
        ...

    async def listen_no_more(self, listener: Listener) -> None:
        """Give the address back, and end its connections."""
        ...


class Tls(Part):
    """Keeps the listener as the files have it (engine/tls/store.py), and changes these."""

    name = "tls"

    def __init__(
        self, paths: Paths, host: Host, endpoint: SecondAddress, notifier: Notifier, warnings: Warnings
    ) -> None:
        self._folder = paths.tls
        self._store = TlsStore(paths.tls, host.make_private)
        self._endpoint = endpoint
        self._notify = notifier.notify
        self._warnings = warnings
        self._lock = asyncio.Lock()
        self._listener: TlsListener | None = None
        self._url = ""
        self._task = SupervisedTask(self.name, self._follow, changed=notifier.notify)

    def configure(self, settings: Settings) -> None:
        """Listen if that is enabled. It depends on no setting; this is called before there are clients."""
        self._task.start()

    async def close(self) -> None:
        """Stop listening, and end the connections."""
        await self._task.stop()
        async with self._lock:
            await self._shut()

    def report(self) -> PartReport:
        """Whether it listens where it should."""
        return reported(self.name, self._task.health)

    def address(self) -> str:
        """For DOCKER_HOST of a client; empty while it does not listen."""
        return self._url if self._listener is not None else ""

    # -- what can be asked ----------------------------------------------------------------------------------------

    async def show(self) -> TlsReport:
        """How it is. :raise UserError: the files cannot be read."""
        record = await asyncio.to_thread(self._store.read)
        authority = await asyncio.to_thread(self._store.authority_facts)
        place, now = record.place, time.time()
        listener = self._listener
        open_now = listener.connections() if listener is not None else {}
        clients = tuple(
            TlsClientReport(
                one.name,
                one.state(now).value,
                one.facts.fingerprint,
                one.facts.issued,
                one.facts.expires,
                one.revoked,
                open_now.get(one.facts.fingerprint, 0),
            )
            for one in record.clients
        )
        return TlsReport(
            record.enabled,
            listener is not None,
            self._task.health.error if record.enabled and listener is None else "",
            place.address,
            place.port,
            place.is_loopback,
            place.hosts,
            place.url,
            listener.identity.names if listener is not None else (),
            str(self._folder),
            clients,
            authority.fingerprint if authority is not None else "",
            authority.expires if authority is not None else None,
        )

    async def enable(self, address: str, port: int, hosts: Sequence[str]) -> Note:
        """Listen there from now on.

        :raise UserError: that cannot be done; all is as it was before.
        """
        place = Place.checked(address, port, hosts)
        await shielded(self._enable(place))
        return Note(f"The engine answers at {place.url} by TLS, while Slipway runs")

    async def disable(self, forget: bool) -> Note:
        """Listen no more. :raise UserError: that cannot be recorded; it goes on then."""
        return await shielded(self._disable(forget))

    async def end(self) -> None:
        """Listen no more, and delete the certificates. :raise UserError: that is not possible."""
        await self.disable(forget=True)

    async def add_client(self, name: str, days: int, renew: bool) -> TlsBundle:
        """A certificate for a client. :raise UserError: there can be none of this name, or TLS is off."""
        return await shielded(self._add_client(name, days, renew))

    async def revoke(self, name: str) -> Note:
        """Let a client in no more, and end its connections.

        :raise UserError: there is none of this name, or that cannot be recorded.
        """
        return await shielded(self._revoke(name))

    # -- changes, one at a time -----------------------------------------------------------------------------------

    async def _enable(self, place: Place) -> None:
        async with self._lock:
            await self._task.stop()
            try:
                before = await asyncio.to_thread(self._store.read)
                try:
                    await asyncio.to_thread(self._store.enable, place)
                    await self._reconcile(changed=True)
                except BaseException:
                    await asyncio.to_thread(self._store.put_back, before)
                    raise
            finally:
                self._task.start()

    async def _disable(self, forget: bool) -> Note:
        async with self._lock:
            await self._task.stop()
            try:
                if forget:
                    await asyncio.to_thread(self._store.forget)
                    await self._reconcile()
                    return Note("TLS is off, and its certificates are deleted")
                before = await asyncio.to_thread(self._store.read)
                await asyncio.to_thread(self._store.disable)
                await self._reconcile()
            finally:
                self._task.start()
        if not before.enabled:
            return Note("TLS is already off")
        return Note("TLS is off. To delete its certificates too: slipway tls disable --forget")

    async def _add_client(self, name: str, days: int, renew: bool) -> TlsBundle:
        async with self._lock:
            bundle = await asyncio.to_thread(self._store.add_client, name, days, renew=renew)
            await self._reconcile(changed=True)
        return TlsBundle(bundle.url, bundle.ca, bundle.certificate, bundle.key)

    async def _revoke(self, name: str) -> Note:
        async with self._lock:
            count = await asyncio.to_thread(self._store.revoke, name)
            await self._reconcile(changed=True)
        return Note(f"The client “{name}” is revoked" + (f" ({count} certificates)" if count > 1 else ""))

    # -- the listener ---------------------------------------------------------------------------------------------

    async def _follow(self) -> None:
        while True:
            async with self._lock:
                await self._reconcile()
            if self._listener is None:
                return  # it is off
            await asyncio.sleep(LOOK_SECONDS)

    async def _reconcile(self, *, changed: bool = False) -> None:
        """Listen as the files have it. :param changed: they have other clients or names now

        :raise UserError: that cannot be done, or they cannot be read.
        """
        record = await asyncio.to_thread(self._store.read)
        place = record.place
        listener = self._listener
        if listener is not None and (not record.enabled or place.at != (listener.address, listener.port)):
            await self._shut()
        if not record.enabled:
            self._warnings.set(self.name, ())
            return
        self._url = place.url
        if self._listener is None:
            listener = TlsListener(place.address, place.port, await asyncio.to_thread(self._store.identity))
            await self._endpoint.listen_also(listener)
            self._listener = listener
            log.info("the engine answers at %s, port %d, by TLS", place.address, place.port)
            self._notify()
        elif changed or self._is_stale(place):
            self._listener.use(await asyncio.to_thread(self._store.identity))
        self._warnings.set(self.name, expiring(record, time.time(), self._listener.identity.until))

    def _is_stale(self, place: Place) -> bool:
        assert self._listener is not None
        identity = self._listener.identity
        return abs(time.time() - identity.made) > RENEW_SECONDS or place.names() != identity.names

    async def _shut(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            await self._endpoint.listen_no_more(listener)
            log.info("the engine no longer answers by TLS")
            self._notify()


def expiring(record: Record, now: float, until: float) -> Iterator[WarningReport]:
    """About clients that will soon not be let in any more.

    :param now: seconds since 1970.    :param until: when the authority expires, the same.
    """
    if until - now < WARN_AUTHORITY_SECONDS:
        yield WarningReport(
            f"The authority of all TLS certificates expires on {_day(until)}",
            "Make a new one, and new clients: slipway tls disable --forget, then slipway tls enable",
        )
        return
    last: dict[str, float] = {}
    for one in record.clients:
        if one.state(now) is ClientState.VALID:
            last[one.name] = max(one.facts.expires, last.get(one.name, 0.0))
    for name, expires in last.items():
        if expires - now < WARN_SECONDS:
            yield WarningReport(
                f"The certificate of the TLS client “{name}” expires on {_day(expires)}",
                f"Make another one: slipway tls client add {name} --renew",
            )


def _day(seconds: float) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(seconds))
