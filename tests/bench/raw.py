"""HTTP/1.1 to a Docker socket with as little client as possible, because the way in is to be measured.

Only what the benchmark asks is understood: replies with a length, in chunks, or until the connection's end. Sizes
are bytes, times seconds.
"""

from __future__ import annotations

import io
import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

TIMEOUT = 300.0
BLOCK = 1 << 18


class BadReply(Exception):
    """The engine did not answer as asked."""


Place = Path | int | Callable[[], Any]
"""Where an engine answers: a Unix socket, a TCP port of 127.0.0.1, or what connects and returns a socket."""


class Connection:
    """One connection to an engine; a context manager."""

    def __init__(self, place: Place) -> None:
        if isinstance(place, int):
            self._socket = socket.create_connection(("127.0.0.1", place), TIMEOUT)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        elif not isinstance(place, Path):
            self._socket = place()
        else:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._socket.settimeout(TIMEOUT)
            self._socket.connect(str(place))
        self._file = io.BufferedReader(self._socket.makefile("rb", buffering=0), BLOCK)

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    def ask(self, method: str, target: str, body: bytes = b"", kind: str = "application/json") -> bytes:
        """Send a request and return the whole reply's body.

        :raise BadReply: the status is not 2xx.
        """
        self._send(method, target, len(body), kind)
        if body:
            self._socket.sendall(body)
        return b"".join(self._body(self._head()))

    def ask_json(self, method: str, target: str, body: object = None) -> Any:
        """The same with JSON both ways."""
        return json.loads(self.ask(method, target, b"" if body is None else json.dumps(body).encode()) or b"null")

    def download(self, target: str) -> int:
        """GET and throw away; return how many bytes of body came."""
        self._send("GET", target, 0, "application/json")
        return sum(map(len, self._body(self._head())))

    def upload(self, target: str, archive: Path) -> bytes:
        """POST a file; return the reply's body."""
        self._send("POST", target, archive.stat().st_size, "application/x-tar")
        with archive.open("rb") as file:
            self._socket.sendfile(file)
        return b"".join(self._body(self._head()))

    def _send(self, method: str, target: str, length: int, kind: str) -> None:
        head = f"{method} {target} HTTP/1.1\r\nHost: docker\r\nContent-Type: {kind}\r\n"
        self._socket.sendall(f"{head}Content-Length: {length}\r\n\r\n".encode())

    def _head(self) -> dict[str, str]:
        status = self._file.readline().decode()
        if not status.startswith("HTTP/1.1 "):
            raise BadReply(f"not HTTP: {status!r}")
        head = {}
        while (line := self._file.readline().decode().strip()) != "":
            name, _, value = line.partition(":")
            head[name.lower()] = value.strip()
        code = int(status.split()[1])
        if not 200 <= code < 300:
            raise BadReply(status.strip() + " " + b"".join(self._body(head)).decode(errors="replace"))
        return {**head, "status": str(code)}

    def _body(self, head: dict[str, str]) -> Iterator[bytes]:
        """The body in the pieces it comes in."""
        if head.get("transfer-encoding") == "chunked":
            return self._chunks()
        if "content-length" in head:
            return iter([self._exactly(int(head["content-length"]))])
        return iter([] if head.get("status") == "204" else [self._file.read()])

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self._file.readline().split(b";")[0], 16):
            yield self._exactly(size)
            self._file.readline()
        self._file.readline()

    def _exactly(self, size: int) -> bytes:
        data = self._file.read(size)
        if len(data) != size:
            raise BadReply(f"the connection ended after {len(data)} of {size} bytes")
        return data
