"""The Docker API byte by byte over a Unix socket: what no client library lets one see, and the probes made of it.

A probe is a function of an :class:`Api` and an image that fails by AssertionError, or by a time-out of its
sockets. Being plain functions they can also be pointed at a socket that is known to be bad: that is how it is
shown that they are able to fail.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VERSION = "/v1.47"
"""An API version that every supported dockerd speaks."""

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
EMPTY_SETTINGS = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
"""HTTP/2's client preface and an empty SETTINGS frame (RFC 9113 sections 3.4 and 6.5)."""


Connect = Callable[[Path, float], Any]
"""Connects to a path; what it returns has the methods of a socket, with that time limit in seconds."""


def connect_unix(path: Path, timeout: float) -> socket.socket:
    """A connection to a Unix socket."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(timeout)
    connection.connect(str(path))
    return connection


class _Connection(http.client.HTTPConnection):
    """http.client over a local socket."""

    def __init__(self, connect: Callable[[], Any], timeout: float) -> None:
        super().__init__("docker", timeout=timeout)
        self._connect = connect

    def connect(self) -> None:
        self.sock = self._connect()


class Raw:
    """A connected socket with a few ways to read; a context manager."""

    def __init__(self, connection: Any) -> None:
        self.sock = connection

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def end(self) -> None:
        """Half-close: our direction ends."""
        self.sock.shutdown(socket.SHUT_WR)

    def head(self) -> bytes:
        """Read an answer's head and nothing behind it."""
        return self.until(b"\r\n\r\n", 1)

    def until(self, mark: bytes, step: int = 65536) -> bytes:
        data = b""
        while mark not in data:
            piece = self.sock.recv(step)
            if not piece:
                break
            data += piece
        return data

    def exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = self.sock.recv(size - len(data))
            assert piece, f"the stream ended after {data!r}"
            data += piece
        return data

    def rest(self) -> bytes:
        data = b""
        while piece := self.sock.recv(65536):
            data += piece
        return data

    def silent(self, seconds: float) -> bool:
        """True when neither bytes nor an end arrive for so long."""
        before = self.sock.gettimeout()
        self.sock.settimeout(seconds)
        try:
            self.sock.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            return True
        finally:
            self.sock.settimeout(before)
        return False


@dataclass(frozen=True)
class Api:
    """One engine's socket. ``patience``: seconds before a silent socket counts as a failure."""

    path: Path
    patience: float = 60.0
    connect: Connect = connect_unix

    def raw(self, timeout: float | None = None) -> Raw:
        return Raw(self.connect(self.path, timeout or self.patience))

    def request(self, method: str, target: str, body: object = None) -> tuple[int, bytes]:
        """One whole exchange on a connection of its own."""
        connection = _Connection(lambda: self.connect(self.path, self.patience), self.patience)
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, VERSION + target, text, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def call(self, method: str, target: str, body: object = None) -> Any:
        """Like :meth:`request`; fails unless it succeeded, and decodes JSON."""
        status, data = self.request(method, target, body)
        assert status < 300, (method, target, status, data)
        return json.loads(data) if data else None

    def ping(self) -> None:
        status, body = self.request("GET", "/_ping")
        assert (status, body) == (200, b"OK")

    def upgrade(self, target: str, protocol: str, body: object = None, headers: str = "") -> Raw:
        """Ask for another protocol and check that it was granted (101)."""
        text = b"" if body is None else json.dumps(body).encode()
        raw = self.raw()
        raw.send(
            f"POST {VERSION}{target} HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n"
            f"{headers}Content-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n".encode()
            + text
        )
        head = raw.head()
        assert head.startswith(b"HTTP/1.1 101 "), head
        return raw

    @contextlib.contextmanager
    def container(self, image: str, *command: str, **settings: object) -> Iterator[str]:
        """A created, not yet started container; removed afterwards."""
        made = self.call("POST", "/containers/create", {"Image": image, "Cmd": command, **settings})
        try:
            yield made["Id"]
        finally:
            self.call("DELETE", f"/containers/{made['Id']}?force=1&v=1")

    def start(self, container: str) -> None:
        self.call("POST", f"/containers/{container}/start")


INTERACTIVE = {
    "OpenStdin": True,
    "StdinOnce": True,
    "AttachStdin": True,
    "AttachStdout": True,
    "AttachStderr": True,
}


@contextlib.contextmanager
def attached(api: Api, image: str, script: str) -> Iterator[Raw]:
    """A running container's three streams, as `docker run -i` holds them."""
    with api.container(image, "sh", "-c", script, **INTERACTIVE) as made:
        target = f"/containers/{made}/attach?stream=1&stdin=1&stdout=1&stderr=1"
        with api.upgrade(target, "tcp") as stream:
            api.start(made)
            yield stream


def half_close_ends_stdin_only(api: Api, image: str) -> None:
    """`docker run -i` fed from a file: the container sees the end, and what it says afterwards still arrives."""
    with attached(api, image, "wc -c; sleep 1; echo AFTER") as stream:
        stream.send(b"x" * 300_000)
        stream.end()
        output = stream.rest()
    assert b"300000" in output, output
    assert b"AFTER" in output, output


def open_stdin_stays_open(api: Api, image: str) -> None:
    """No end may be invented while the client only pauses."""
    with attached(api, image, "cat; echo SAW-THE-END") as stream:
        stream.send(b"ping\n")
        assert b"ping" in stream.exactly(8 + 5)  # a frame's head and the line
        assert stream.silent(3.0)
        stream.send(b"pong\n")
        assert b"pong" in stream.exactly(8 + 5)
        stream.end()
        assert b"SAW-THE-END" in stream.rest()


def exec_with_a_terminal_resizes(api: Api, image: str) -> None:
    with api.container(image, "sleep", "300") as made:
        api.start(made)
        command = {
            "Cmd": ["sh", "-c", "read x; stty size"],
            "AttachStdin": True,
            "AttachStdout": True,
            "Tty": True,
        }
        run = api.call("POST", f"/containers/{made}/exec", command)["Id"]
        with api.upgrade(f"/exec/{run}/start", "tcp", {"Detach": False, "Tty": True}) as terminal:
            api.call("POST", f"/exec/{run}/resize?h=33&w=101")
            terminal.send(b"\n")
            assert b"33 101" in terminal.rest()


def websocket_attach(api: Api, image: str) -> None:
    with api.container(image, "sh", "-c", "sleep 1; printf hello") as made, api.raw() as stream:
        stream.send(
            f"GET {VERSION}/containers/{made}/attach/ws?stream=1&stdout=1 HTTP/1.1\r\nHost: docker\r\n"
            "Origin: http://docker\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\n\r\n".encode()
        )
        head = stream.head()
        assert head.startswith(b"HTTP/1.1 101 "), head
        api.start(made)
        assert b"hello" in stream.until(b"hello")


def session_speaks_http2(api: Api, image: str) -> None:
    """BuildKit's session: after the upgrade the *server* opens HTTP/2 as a client would."""
    names = "X-Docker-Expose-Session-Uuid: wire\r\nX-Docker-Expose-Session-Name: wire\r\n"
    with api.upgrade("/session", "h2c", headers=names) as stream:
        assert stream.exactly(len(PREFACE)) == PREFACE


def grpc_speaks_http2(api: Api, image: str) -> None:
    with api.upgrade("/grpc", "h2c") as stream:
        stream.send(PREFACE + EMPTY_SETTINGS)
        frame = stream.exactly(9)
    assert frame[3] == 4, frame  # SETTINGS


def events_arrive_while_the_stream_is_open(api: Api, image: str) -> None:
    with api.raw() as events:
        events.send(f"GET {VERSION}/events HTTP/1.1\r\nHost: docker\r\n\r\n".encode())
        assert events.head().startswith(b"HTTP/1.1 200 ")
        with api.container(image, "true") as made:
            api.start(made)
            seen = events.until(b'"die"')
    for action in (b'"create"', b'"start"', b'"die"'):
        assert action in seen


def followed_logs_are_whole_and_in_order(api: Api, image: str) -> None:
    with api.container(image, "seq", "200000", Tty=True) as made:
        api.start(made)
        status, logs = api.request("GET", f"/containers/{made}/logs?stdout=1&follow=1")
        _, stored = api.request("GET", f"/containers/{made}/logs?stdout=1")
    assert status == 200
    lines = logs.split()
    assert lines == [b"%d" % number for number in range(1, len(lines) + 1)]
    # dockerd gives the copying of output 2 s after a container's end, which a busy computer under emulation may
    # not manage: what it has stored is what a follower has to get, to the last byte
    assert logs == stored
    assert len(lines) > 1000


def vanished_followers_cost_nothing(api: Api, image: str) -> None:
    with api.container(image, "sh", "-c", "while :; do echo y; sleep 0.05; done") as made:
        api.start(made)
        for _ in range(50):
            with api.raw() as follower:
                target = f"{VERSION}/containers/{made}/logs?stdout=1&follow=1"
                follower.send(f"GET {target} HTTP/1.1\r\nHost: docker\r\n\r\n".encode())
                assert follower.head().startswith(b"HTTP/1.1 200 ")
        started = time.monotonic()
        api.ping()
        assert time.monotonic() - started < 2


def two_hundred_at_once(api: Api, image: str) -> None:
    gate = threading.Barrier(200)

    def one(_: int) -> None:
        gate.wait()
        api.ping()

    with ThreadPoolExecutor(200) as crowd:
        assert len(list(crowd.map(one, range(200)))) == 200


def garbage_disturbs_nobody(api: Api, image: str) -> None:
    with api.raw(10) as noise:
        noise.send(os.urandom(4096) + b"\r\n\r\n")
        with contextlib.suppress(TimeoutError, ConnectionResetError):
            noise.sock.recv(4096)
    api.ping()


def half_requests_delay_nobody(api: Api, image: str) -> None:
    """Slow-loris: a hundred clients that never finish their request's head."""
    with contextlib.ExitStack() as crowd:
        for _ in range(100):
            crowd.enter_context(api.raw()).send(b"GET /_ping HTTP/1.1\r\nX-Slow: ")
        started = time.monotonic()
        api.ping()
        assert time.monotonic() - started < 2


def uploads_may_ask_first(api: Api, image: str) -> None:
    """Expect: 100-continue: the server speaks before the request is complete."""
    with api.raw() as upload:
        upload.send(
            f"POST {VERSION}/images/load HTTP/1.1\r\nHost: docker\r\nExpect: 100-continue\r\n"
            "Transfer-Encoding: chunked\r\nContent-Type: application/x-tar\r\n\r\n".encode()
        )
        assert upload.head().startswith(b"HTTP/1.1 100 ")


Probe = Callable[[Api, str], None]


def nesting_without_end_is_answered(api: Api, image: str) -> None:
    """A body that no parser follows to its end is refused: its client is not left waiting."""
    for body in (b"[" * 200_000, b'{"Labels":' * 200_000 + b"{}" + b"}" * 200_000):
        head = f"POST {VERSION}/containers/create HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\n"
        with api.raw(10) as raw:
            raw.send(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            answer = raw.head()
        assert answer.startswith(b"HTTP/1.1 400 "), answer
    api.ping()


PROBES: tuple[Probe, ...] = (
    half_close_ends_stdin_only,
    open_stdin_stays_open,
    exec_with_a_terminal_resizes,
    websocket_attach,
    session_speaks_http2,
    grpc_speaks_http2,
    events_arrive_while_the_stream_is_open,
    followed_logs_are_whole_and_in_order,
    vanished_followers_cost_nothing,
    two_hundred_at_once,
    garbage_disturbs_nobody,
    half_requests_delay_nobody,
    uploads_may_ask_first,
    nesting_without_end_is_answered,
)
