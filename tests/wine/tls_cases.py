"""The TLS listener on Windows' event loop: run by Windows' Python (case_runner.py)."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from engine.tls import Place, TlsListener, TlsStore
from tests.e2e.tls_socket import TlsSocket
from tests.wine.pipe_socket import eventually
from tests.wine.pipe_stage import OK, PATTERN, PING, SWITCHED, UPGRADE, Stage
from vm.errors import EngineError
from vm.host import host


class Kit(NamedTuple):
    """A stage with a TLS listener, and the context of a client that is let in."""

    stage: Stage
    store: TlsStore
    listener: TlsListener
    context: ssl.SSLContext

    def client(self) -> TlsSocket:
        return TlsSocket(("127.0.0.1", self.listener.port), self.context, 60.0)

    def upgraded(self) -> TlsSocket:
        client = self.client()
        client.sendall(UPGRADE % b"tcp")
        assert exactly(client, len(SWITCHED % b"tcp")) == SWITCHED % b"tcp"
        return client


@contextmanager
def kit() -> Iterator[Kit]:
    folder = Path(tempfile.mkdtemp())
    try:
        with Stage() as stage:
            store = TlsStore(folder / "tls", host().make_private)
            store.enable(Place(port=free_port()))
            bundle = store.add_client("laptop")
            pair = folder / "client.pem"
            pair.write_text(bundle.certificate + bundle.key)
            context = ssl.create_default_context(cadata=bundle.ca)
            context.load_cert_chain(pair)
            listener = TlsListener(*store.read().place.at, store.identity())
            stage.do(stage.endpoint.listen_also(listener))
            yield Kit(stage, store, listener, context)
    finally:
        shutil.rmtree(folder)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def exactly(client: TlsSocket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        piece = client.recv(size - len(data))
        assert piece, bytes(data[:200])
        data += piece
    return bytes(data)


def test_an_end_in_each_direction_by_itself() -> None:
    with kit() as made, made.upgraded() as client:
        client.sendall(b"x" * 300_000)
        client.shutdown(socket.SHUT_WR)
        assert exactly(client, 300_005) == b"x" * 300_000 + b"AFTER"
        assert client.recv(1) == b""
        assert made.stage.engine.ends == 1
        client.close()
        eventually(made.stage.is_clean)


def test_requests_one_after_the_other() -> None:
    with kit() as made, made.client() as client:
        for _ in range(20):
            client.sendall(PING)
            assert exactly(client, len(OK)) == OK
        assert made.stage.connections == 1


def test_much_for_a_client_that_reads_late() -> None:
    size = 64 * len(PATTERN)
    with kit() as made, made.client() as client:
        client.sendall(b"GET /much?%d HTTP/1.1\r\nHost: d\r\n\r\n" % size)
        eventually(lambda: made.stage.engine.sent > 0)
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode()
        assert exactly(client, len(head) + size) == head + PATTERN * 64


def test_a_connection_that_is_cut_is_no_end() -> None:
    with kit() as made:
        client = made.upgraded()
        client.close()
        eventually(made.stage.is_clean)
        assert made.stage.engine.ends == 0


def test_a_revoked_client_is_cut_off_and_refused() -> None:
    with kit() as made, made.upgraded() as client:
        client.sendall(b"hello")
        assert exactly(client, 5) == b"hello"
        made.store.revoke("laptop")
        identity = made.store.identity()
        made.stage.loop.call_soon_threadsafe(made.listener.use, identity)
        try:
            data = client.recv(1)
        except OSError:
            data = b""
        assert data == b""
        eventually(made.stage.is_clean)
        assert "REVOKED" in refusal(made)


def refusal(made: Kit) -> str:
    """The alert that a client is sent."""
    try:
        with made.client() as client:
            client.sendall(PING)
            client.recv(1)
    except ssl.SSLError as error:
        return str(error)
    raise AssertionError("the client was let in")


def test_plain_http_is_told_what_is_missing() -> None:
    with kit() as made, socket.create_connection(("127.0.0.1", made.listener.port), 60) as client:
        client.sendall(PING)
        answer = b""
        while piece := client.recv(65536):
            answer += piece
        assert b"This port takes TLS only" in answer, answer
        assert made.stage.route.opened == 0


def test_a_port_is_not_shared() -> None:
    """Windows lets programs share a port that only asks for SO_REUSEADDR."""
    with kit() as made:
        second = TlsListener("127.0.0.1", made.listener.port, made.store.identity())
        assert "in use on your computer" in failure(made, second)


def failure(made: Kit, listener: TlsListener) -> str:
    """Why it cannot listen."""
    try:
        made.stage.do(listener.start(asyncio.Protocol))
    except EngineError as error:
        return error.message
    raise AssertionError("two listen at one port")


def test_only_this_user_can_open_the_keys() -> None:
    with kit() as made:
        folder = made.store.folder
        assert sorted(path.name for path in folder.iterdir()) == ["ca-key.pem", "ca.pem", "tls.json"]
        assert all(host().is_private(path) for path in (folder, *folder.iterdir()))
