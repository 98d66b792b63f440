"""Where an HTTP/1 message's head and body end (RFC 9112), and nothing else of HTTP.

A client's requests are understood strictly: whatever two servers could understand in two ways is refused, so that
what is checked here is what the engine does. The engine's own answers are followed for where they end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LINE_LIMIT = 4096
"""Bytes of a chunk's size line or of one trailer."""

HEAD_END = re.compile(rb"\n\r?\n")
_HEAD = re.compile(rb"(.*)\n\r?\n", re.DOTALL)
_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_FIRST_LINE = re.compile(rb"(" + _TOKEN + rb") ([^\x00-\x20\x7f]+) HTTP/1\.([01])")
_BEGUN = re.compile(
    rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}"
    rb"(?: [^\x00-\x20\x7f]*(?: (?:H(?:T(?:T(?:P(?:/(?:1(?:\.(?:[01]\r?)?)?)?)?)?)?)?)?)?)?"
)
_FIELD = re.compile(rb"(" + _TOKEN + rb"):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")
_LENGTH = re.compile(rb"[0-9]{1,18}")
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?")
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-9][0-9][0-9])(?: [^\r\n]*)?")


class UnclearError(Exception):
    """This is no HTTP/1 that can be understood in one way only; the text says what is wrong with it."""


def _lines(raw: bytes) -> list[bytes]:
    """The lines of a head up to the empty one; a line ends with LF, before which CR is left out.

    :raise UnclearError: it has no empty line at its end
    """
    head = _HEAD.fullmatch(raw)
    if head is None:
        raise UnclearError("it is incomplete")
    return [line.removesuffix(b"\r") for line in head[1].split(b"\n")]


def _fields(lines: list[bytes]) -> list[tuple[bytes, bytes]]:
    """Names in lower case, and values. :raise UnclearError: a line is no field."""
    found = []
    for line in lines:
        match = _FIELD.fullmatch(line)
        if match is None:
            raise UnclearError("a header line is malformed")
        found.append((match[1].lower(), match[2].rstrip(b" \t")))
    return found


def _size(fields: list[tuple[bytes, bytes]]) -> int | None:
    """A body's size by its headers, 0 without any; None: it comes in chunks.

    :raise UnclearError: they contradict each other, or name another coding
    """
    codings = [value.lower() for name, value in fields if name == b"transfer-encoding"]
    lengths = {value for name, value in fields if name == b"content-length"}
    if codings:
        if codings != [b"chunked"] or lengths:
            raise UnclearError("its Transfer-Encoding is not “chunked” alone")
        return None
    if len(lengths) > 1 or not all(map(_LENGTH.fullmatch, lengths)):
        raise UnclearError("its Content-Length is not one number")
    return int(lengths.pop()) if lengths else 0


@dataclass(frozen=True)
class Head:
    """A request up to and with the empty line.

    :ivar method: as it came; methods are case-sensitive.
    :ivar target: as it came: a path with a query, or a URL.
    :ivar fields: names in lower case, and values.
    :ivar size: of the body in bytes; None: it comes in chunks.
    """

    raw: bytes
    method: bytes
    target: bytes
    fields: tuple[tuple[bytes, bytes], ...]
    size: int | None

    @classmethod
    def parse(cls, raw: bytes) -> Head:
        """:raise UnclearError: it is no request of HTTP/1.0 or 1.1, or more than one."""
        first, *others = _lines(raw)
        match = _FIRST_LINE.fullmatch(first)
        if match is None or match[1] == b"CONNECT":
            raise UnclearError("it is not HTTP/1.1")
        fields = _fields(others)
        size = _size(fields)
        if size is None and match[3] == b"0":
            raise UnclearError("HTTP/1.0 has no Transfer-Encoding")
        return cls(raw, match[1], match[2], tuple(fields), size)

    @property
    def expects(self) -> bool:
        """Whether the client waits for “100 Continue” before it sends the body."""
        return any(name == b"expect" for name, _ in self.fields)

    @property
    def last(self) -> bool:
        """Whether the client takes no other answer on this connection."""
        first_line = self.raw.partition(b"\n")[0].rstrip(b"\r")
        options = b",".join(value for name, value in self.fields if name == b"connection").lower()
        return first_line.endswith(b"/1.0") or b"close" in [one.strip() for one in options.split(b",")]

    def body(self) -> Body:
        """Finds the end of what follows."""
        return Body(self.size)

    def with_body(self, body: bytes) -> bytes:
        """The same request with another body, of known size, which comes at once."""
        first, *others = _lines(self.raw)
        replaced = (b"content-length", b"transfer-encoding", b"trailer", b"expect")
        kept = [line for line in others if line.partition(b":")[0].lower() not in replaced]
        return b"\r\n".join([first, *kept, b"Content-Length: %d" % len(body), b"", body])


def may_be_request(data: bytes | bytearray) -> bool:
    """Whether what has come so far can be the beginning of a request."""
    first, end, _ = data.partition(b"\n")
    if end:
        return _FIRST_LINE.fullmatch(first.removesuffix(b"\r")) is not None
    return _BEGUN.fullmatch(data) is not None


class Answer:
    """Follows the engine's answer to one request through the pieces it comes in.

    :ivar begun: something of it has come, but for interim answers (1xx)
    :ivar over: it is complete
    :ivar endless: what follows are bytes until the connection ends, in both directions: the request's connection
        was upgraded (101), or the answer has no end of its own (Docker's hijacked streams without an upgrade)
    :ivar to_head: the request was HEAD, to which there is no body
    :ivar unclear: where it ends is not known, so neither is whether the engine takes another request after it
    """

    HEAD_LIMIT = 2 * 1024 * 1024
    """Bytes; a request's head may come back in it, such as in the Location of a redirect."""

    def __init__(self, method: bytes) -> None:
        """:param method: the request's"""
        self.begun = self.over = self.endless = self.unclear = False
        self._method = method
        self.to_head = method == b"HEAD"
        self._head = bytearray()
        self._body: Body | None = None

    @property
    def settled(self) -> bool:
        """Whether what the engine sends next is no part of it that has to be followed."""
        return self.over or self.endless or self.unclear

    def take(self, data: bytes) -> None:
        """Follow what the engine sends next."""
        place = 0
        while place < len(data) and not self.settled:
            if self._body is None:
                place = self._take_head(data, place)
            else:
                place = self._take_body(self._body, data, place)

    def _take_body(self, body: Body, data: bytes, place: int) -> int:
        try:
            place = body.take(data, place)
        except UnclearError:
            self.unclear = True
        self.over = body.done
        return place

    def _take_head(self, data: bytes, place: int) -> int:
        before = len(self._head)
        self._head += data[place : place + self.HEAD_LIMIT]
        end = HEAD_END.search(self._head, max(0, before - 2))
        if end is None:
            self.unclear = len(self._head) >= self.HEAD_LIMIT
            self.begun = self.begun or self.unclear
            return place + len(self._head) - before
        raw = bytes(self._head[: end.end()])
        self._head.clear()
        try:
            self._end_head(_lines(raw))
        except UnclearError:
            self.begun = self.unclear = True
        return place + len(raw) - before

    def _end_head(self, lines: list[bytes]) -> None:
        """:raise UnclearError: this is no answer."""
        match = _STATUS_LINE.fullmatch(lines[0])
        if match is None:
            raise UnclearError("it is no status line")
        status, fields = int(match[1]), _fields(lines[1:])
        if status < 200 and status != 101:
            return
        self.begun = True
        framed = any(name in (b"content-length", b"transfer-encoding") for name, _ in fields)
        if self._method == b"HEAD" or status in (204, 304):
            self.over = True
        elif status == 101 or not framed:
            self.endless = True
        else:
            self._body = Body(_size(fields))
            self.over = self._body.done


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
                raise UnclearError("a chunk of its body is malformed")
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
                raise UnclearError("a chunk of its body is malformed")
            self._between = False
        else:
            match = _SIZE.fullmatch(line)
            if match is None:
                raise UnclearError("a chunk of its body is malformed")
            self._left = int(match[1], 16)
            self._trailing = self._left == 0
            self._between = not self._trailing
