"""A TLS listener in front of an endpoint whose engine is in memory."""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.endpoint import Endpoint
from engine.tls import Place, TlsListener, TlsStore
from tests.localhost import free_port
from tests.unit.engine.tls.client import of_bundle
from vm.host import host


@pytest.fixture
def store(tmp_path: Path) -> TlsStore:
    """One that is enabled."""
    made = TlsStore(tmp_path / "tls", host().make_private)
    made.enable(Place(port=free_port()))
    return made


@dataclass(frozen=True)
class Served:
    """An endpoint, its TLS listener, and the context of a client named “laptop”."""

    endpoint: Endpoint
    listener: TlsListener
    store: TlsStore
    client: ssl.SSLContext

    @property
    def port(self) -> int:
        return self.listener.port


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """pytest's own folders may have names too long for a socket."""
    with tempfile.TemporaryDirectory(prefix="slw-") as folder:
        yield Path(folder)


@pytest.fixture
async def served(store: TlsStore, short_folder: Path) -> AsyncIterator[Served]:
    client = of_bundle(short_folder, store.add_client("laptop"))
    place = store.read().place
    endpoint = Endpoint(short_folder / "docker.sock", wait_seconds=10.0, retry_seconds=0.5)
    listener = TlsListener(place.address, place.port, store.identity(), handshake_seconds=1.0, handshakes=4)
    await endpoint.start()
    await endpoint.listen_also(listener)
    yield Served(endpoint, listener, store, client)
    await endpoint.close()
