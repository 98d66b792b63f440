"""The TLS listener as a part: on, off, elsewhere, and what is left of it."""

from __future__ import annotations

import asyncio
import socket
import ssl
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from desktop.control.schema import CLIENT_DAYS, TLS_PORT, PartState, TlsBundle
from desktop.settings.schema import Settings
from desktop.supervisor.notifier import Notifier
from desktop.supervisor.parts import tls as tls_part
from desktop.supervisor.parts.tls import RENEW_SECONDS, Tls, expiring
from desktop.supervisor.warnings import Warnings
from engine.endpoint import Endpoint, GuestRoute
from engine.tls import Bundle, Place
from engine.tls import certificates as made
from engine.tls.store import PORT, Client, Record
from tests.localhost import free_port
from tests.unit.carriers import MemoryCarrier, echo
from tests.unit.engine.tls.client import connected, of_bundle
from tests.unit.sshd import eventually
from vm.errors import EngineError, UserError
from vm.host import host
from vm.host.paths import Paths

DAY = 86400.0


class Kit:
    """One installation's part with a real endpoint. :ivar port: one that is free"""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.paths = Paths(folder / "home", folder / "cache")
        self.paths.home.mkdir()
        self.endpoint = Endpoint(folder / "docker.sock")
        self.notifier = Notifier()
        self.warnings = Warnings(self.notifier.notify)
        self.port = free_port()
        self.tls = self.make()

    def make(self) -> Tls:
        return Tls(self.paths, host(), self.endpoint, self.notifier, self.warnings)

    async def enable(self, port: int | None = None) -> None:
        await self.tls.enable("127.0.0.1", port or self.port, ())

    async def add(self, name: str = "laptop") -> ssl.SSLContext:
        return self.context(await self.tls.add_client(name, CLIENT_DAYS, renew=False))

    def context(self, bundle: TlsBundle) -> ssl.SSLContext:
        return of_bundle(self.folder, Bundle(bundle.url, bundle.ca, bundle.certificate, bundle.key))

    async def answers(self, context: ssl.SSLContext, port: int | None = None) -> bool:
        async with connected(port or self.port, context) as client:
            await client.send(b"hello")
            return await client.read() == b"hello"

    def listens(self, port: int | None = None) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port or self.port)) == 0


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="slw-") as name:
        yield Path(name)


@pytest.fixture
async def kit(folder: Path) -> AsyncIterator[Kit]:
    kit = Kit(folder)
    kit.tls.configure(Settings())
    await kit.endpoint.start()
    kit.endpoint.open_gate(GuestRoute(MemoryCarrier(echo), "/s"))
    yield kit
    await kit.tls.close()
    await kit.endpoint.close()


async def test_it_is_off_and_leaves_nothing(kit: Kit) -> None:
    await eventually(lambda: kit.tls.report().state is PartState.IDLE)
    found = await kit.tls.show()
    assert (found.enabled, found.listening, found.failure, found.clients) == (False, False, "", ())
    assert (found.authority, found.authority_expires) == ("", None)
    assert kit.tls.address() == ""
    assert not kit.paths.tls.exists()


async def test_on_and_off(kit: Kit) -> None:
    await kit.enable()
    context = await kit.add()
    assert await kit.answers(context)
    assert kit.tls.address() == f"tcp://127.0.0.1:{kit.port}"
    assert kit.tls.report().state is PartState.RUNNING
    found = await kit.tls.show()
    assert found.names == ("localhost", "127.0.0.1", "::1")
    authority = made.Facts.of((kit.paths.tls / "ca.pem").read_bytes(), 0.0)
    assert (found.authority, found.authority_expires) == (authority.fingerprint, authority.expires)
    await kit.tls.disable(forget=False)
    assert not kit.listens()
    assert kit.tls.address() == ""
    await kit.enable()
    assert await kit.answers(context), "a client keeps its certificate"
    await kit.tls.end()
    assert not kit.listens()
    assert not kit.paths.tls.exists()
    await eventually(lambda: kit.tls.report().state is PartState.IDLE)


async def test_it_is_on_again_after_a_restart(kit: Kit) -> None:
    await kit.enable()
    context = await kit.add()
    await kit.tls.close()
    assert not kit.listens()
    kit.tls = kit.make()
    kit.tls.configure(Settings())
    await eventually(kit.listens)
    assert await kit.answers(context)


async def test_another_port_takes_the_place_of_the_first(kit: Kit) -> None:
    await kit.enable()
    context, other = await kit.add(), free_port()
    await kit.enable(other)
    assert await kit.answers(context, other)
    assert not kit.listens()


async def test_another_name_needs_no_new_listener(kit: Kit) -> None:
    await kit.enable()
    context = await kit.add()
    async with connected(kit.port, context) as open_before:
        await kit.tls.enable("127.0.0.1", kit.port, ("build.example",))
        async with connected(kit.port, context, "build.example"):
            pass
        await open_before.send(b"still here")
        assert await open_before.read() == b"still here"


async def test_a_taken_port_changes_nothing(kit: Kit) -> None:
    """Not what is on, and where nothing was on there is nothing."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(EngineError, match="in use"):
            await kit.enable(port)
        assert not kit.paths.tls.exists()
        await kit.enable()
        context = await kit.add()
        with pytest.raises(EngineError, match="in use"):
            await kit.enable(port)
    await eventually(lambda: kit.tls.address() == f"tcp://127.0.0.1:{kit.port}")
    assert await kit.answers(context)


@pytest.mark.parametrize("address", ["localhost", "nonsense"])
async def test_an_address_that_is_none_changes_nothing(kit: Kit, address: str) -> None:
    with pytest.raises(EngineError, match="not an IP address"):
        await kit.tls.enable(address, kit.port, ())
    assert not kit.paths.tls.exists()


async def test_a_port_that_is_taken_at_the_start_is_waited_for(kit: Kit) -> None:
    await kit.enable()
    await kit.tls.close()
    with socket.create_server(("127.0.0.1", kit.port)):
        kit.tls = kit.make()
        kit.tls.configure(Settings())
        await eventually(lambda: kit.tls.report().state is PartState.RESTARTING)
        assert "in use on your computer" in kit.tls.report().error
        found = await kit.tls.show()
        assert (found.enabled, found.listening) == (True, False)
        assert "in use on your computer" in found.failure
    await eventually(lambda: kit.tls.address() != "", 20)


async def test_revoking_ends_open_connections_at_once(kit: Kit) -> None:
    await kit.enable()
    one, two = await kit.add("one"), await kit.add("two")
    async with connected(kit.port, one) as first, connected(kit.port, two) as second:
        for client in (first, second):
            await client.send(b"hello")
            await client.read()
        assert {item.name: item.connections for item in (await kit.tls.show()).clients} == {"one": 1, "two": 1}
        await kit.tls.revoke("one")
        with pytest.raises(ConnectionResetError):
            await first.read()
        await second.send(b"still here")
        assert await second.read() == b"still here"
    assert [item.state for item in (await kit.tls.show()).clients] == ["revoked", "valid"]
    with pytest.raises(ssl.SSLError, match="REVOKED"):
        await kit.answers(one)


async def test_a_call_that_is_given_up_is_still_done(kit: Kit) -> None:
    """The command line was interrupted: the listener is not left half on."""
    call = asyncio.create_task(kit.enable())
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await kit.answers(await kit.add())


async def test_changes_at_once_are_made_one_after_the_other(kit: Kit) -> None:
    await kit.enable()
    names = [f"c{number}" for number in range(10)]
    contexts = await asyncio.gather(*(kit.add(name) for name in names))
    assert sorted(item.name for item in (await kit.tls.show()).clients) == names
    assert await kit.answers(contexts[0])


async def test_what_cannot_be_read_is_reported_and_can_be_deleted(kit: Kit) -> None:
    await kit.enable()
    await kit.tls.close()
    (kit.paths.tls / "tls.json").write_text("{")
    kit.tls = kit.make()
    kit.tls.configure(Settings())
    await eventually(lambda: kit.tls.report().state is PartState.RESTARTING)
    assert "cannot be read" in kit.tls.report().error
    with pytest.raises(UserError, match="cannot be read"):
        await kit.tls.show()
    await kit.tls.end()
    await eventually(lambda: kit.tls.report().state is PartState.IDLE)


async def test_the_server_s_certificate_is_renewed(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    """While clients are connected, who notice nothing."""
    monkeypatch.setattr(tls_part, "LOOK_SECONDS", 0.02)
    await kit.enable()
    context = await kit.add()
    async with connected(kit.port, context) as open_before:
        later = time.time() + RENEW_SECONDS + 1
        monkeypatch.setattr(time, "time", lambda: later)
        seen = {open_before.tls.getpeercert(binary_form=True)}
        async with asyncio.timeout(10):
            while len(seen) == 1:
                async with connected(kit.port, context) as client:
                    seen.add(client.tls.getpeercert(binary_form=True))
        await open_before.send(b"still here")
        assert await open_before.read() == b"still here"


def client(name: str, days: float) -> Client:
    return Client(name, made.Facts("1", "f", 0.0, days * DAY))


def test_who_is_warned_of() -> None:
    clients = (
        client("soon", 20),
        client("later", 40),
        client("renewed", 20),
        client("renewed", 400),
        client("gone", -1),
    )
    warned = [item.message for item in expiring(Record(True, Place(), clients), 0.0, 999 * DAY)]
    assert len(warned) == 1
    assert "“soon”" in warned[0]
    revoked = tuple(replace(item, revoked=1.0) for item in clients)
    assert not list(expiring(Record(True, Place(), revoked), 0.0, 999 * DAY))
    (authority,) = expiring(Record(True, Place(), clients), 0.0, 80 * DAY)
    assert "disable --forget" in authority.hint


def test_what_is_proposed_is_what_the_engine_has() -> None:
    assert (TLS_PORT, CLIENT_DAYS) == (PORT, made.CLIENT_DAYS)


async def test_a_warning_comes_with_the_client_and_goes_with_it(kit: Kit) -> None:
    await kit.enable()
    await kit.tls.add_client("short", 3, renew=False)
    (warning,) = kit.warnings.list()
    assert "“short”" in warning.message
    await kit.tls.add_client("short", CLIENT_DAYS, renew=True)
    assert kit.warnings.list() == ()
    await kit.tls.add_client("other", 3, renew=False)
    await kit.tls.revoke("other")
    assert kit.warnings.list() == ()
    await kit.tls.add_client("third", 3, renew=False)
    await kit.tls.disable(forget=False)
    assert kit.warnings.list() == ()
