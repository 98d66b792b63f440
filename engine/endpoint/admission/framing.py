"""Where an HTTP/1.1 request's head and body end (RFC 9112), and nothing else of HTTP."""

from __future__ import annotations

import re
from dataclasses import dataclass

LINE_LIMIT = 4096
"""Bytes of a chunk's size line or of one trailer."""

HEAD_END = re.compile(rb"\n\r?\n")
_BEGUN = re.compile(rb"[A-Z]{1,16}(?: [^ \r\n]*(?: (?:H(?:T(?:T(?:P(?:/(?:1(?:\.(?:1\r?)?)?)?)?)?)?)?)?)?)?")
_FIRST_LINE = re.compile(rb"[A-Z]{1,16} [^ \r\n]+ HTTP/1\.1\r\n")
_HEADERS = re.compile(rb"\r\n(content-length|transfer-encoding|upgrade|expect):[ \t]*([^\r\n]*)", re.IGNORECASE)
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?")
_HIJACKED = re.compile(rb"POST (?:/v[0-9.]+)?/(?:containers/[^/ ]+/attach|exec/[^/ ]+/start|session|grpc)[? ]")
"""Requests whose connection becomes a stream of bytes even when no Upgrade header asks for it."""


class UnclearError(Exception):
    """This is not plain HTTP/1.1, or not any more."""


@dataclass(frozen=True)
class Head:
    """A request up to and with the empty line.

    :ivar size: of the body in bytes; None: it comes in chunks.
    :ivar expects: the client waits for "100 Continue" before it sends the body.
    """

    raw: bytes
    size: int | None
    expects: bool

    @classmethod
    def parse(cls, raw: bytes) -> Head:
        """:raise UnclearError: what follows is no request of HTTP/1.1: an upgrade, a hijacked stream, nonsense."""
        if not _FIRST_LINE.match(raw) or _HIJACKED.match(raw):
            raise UnclearError
        found = {name.lower(): value.strip() for name, value in _HEADERS.findall(raw)}
        if b"upgrade" in found or raw.startswith(b"CONNECT "):
            raise UnclearError
        coding, size = found.get(b"transfer-encoding"), found.get(b"content-length", b"0")
        if not size.isdigit() or (coding is not None and coding.lower() != b"chunked"):
            raise UnclearError
        return cls(raw, None if coding else int(size), b"expect" in found)

    def body(self) -> Body:
        """Finds the end of what follows."""
        return Body(self.size)

    def with_body(self, body: bytes) -> bytes:
        """The same request with another body, of known size."""
        first, *headers = self.raw.rstrip(b"\r\n").split(b"\r\n")
        framing = (b"content-length", b"transfer-encoding", b"trailer")
        kept = [line for line in headers if line.partition(b":")[0].strip().lower() not in framing]
        return b"\r\n".join([first, *kept, b"Content-Length: %d" % len(body), b"", body])


def may_be_request(data: bytes | bytearray) -> bool:
    """Whether what has come so far can be the beginning of a request."""
    if b"\n" in data:
        return _FIRST_LINE.match(data) is not None
    return _BEGUN.fullmatch(data) is not None


class Body:
    """Follows a body through the pieces it comes in. :ivar done: it is complete."""

    def __init__(self, size: int | None) -> None:
        """:param size: in bytes; None: it comes in chunks."""
        self.done = size == 0
        self._chunked = size is None
        self._left = size or 0
        self._line = b""
        self._between = self._trailing = False
        self.content = bytearray()
        """What :meth:`take` has kept, decoded."""

    def take(self, data: bytes | bytearray, start: int, *, keep: bool = False) -> int:
        """How far the body goes in ``data`` from ``start``: the place after its last byte there.

        :raise UnclearError: these are no chunks.
        """
        place = start
        while not self.done and place < len(data):
            if self._left:
                step = min(self._left, len(data) - place)
                if keep:
                    self.content += data[place : place + step]
                self._left -= step
                place += step
                self.done = not self._chunked and not self._left
                continue
            end = data.find(b"\n", place) + 1
            self._line += data[place : end or len(data)]
            place = end or len(data)
            if len(self._line) > LINE_LIMIT:
                raise UnclearError
            if end:
                line, self._line = self._line, b""
                self._take_line(line)
        return place

    def _take_line(self, line: bytes) -> None:
        line = line.removesuffix(b"\n").removesuffix(b"\r")
        if self._trailing:
            self.done = not line
        elif self._between:
            if line:
                raise UnclearError
            self._between = False
        else:
            match = _SIZE.fullmatch(line)
            if match is None:
                raise UnclearError
            self._left = int(match[1], 16)
            self._trailing = self._left == 0
            self._between = not self._trailing
