"""The answer to ``POST /images/create``: to its one error, what to do about it is added.

dockerd reports a failed pull in one of two ways: before any output as an error status with ``{"message": …}``,
else as the last line of its stream, ``{"errorDetail": {"message": …}, "error": …}``. It flushes each line, so that
a line is a chunk of its own (RFC 9112 section 7.1). Only what may be such an error is kept until it is complete.
The rest passes at once and byte for byte, as does an error about which there is nothing to add.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from engine.endpoint.admission.framing import HEAD_END, Head

Advise = Callable[["Pull", str], Awaitable[str]]
"""A pull and the engine's error → what to do about it; empty: nothing is known. Bounded in time; never raises."""

HEAD_LIMIT = 64 * 1024
"""Bytes; dockerd's own heads have a few hundred."""

ERROR_LIMIT = 64 * 1024
"""Bytes of an error that is kept."""

ERROR_BEGINS = b'{"errorDetail":'
"""How dockerd writes such a line (Go, jsonmessage.JSONMessage)."""

_PATH = re.compile(rb"(?:https?://[^/?]*)?(?:/v[0-9.]+)?/images/create")
_STATUS = re.compile(rb"HTTP/1\.1 ([1-9][0-9][0-9])[ \r\n]")
_CHUNKED = re.compile(rb"\ntransfer-encoding:[ \t]*chunked[ \t]*\r?\n", re.IGNORECASE)
_LENGTH = re.compile(rb"(\ncontent-length:[ \t]*)([0-9]{1,9})(?=[ \t]*\r?\n)", re.IGNORECASE)
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})\r\n")
_SIZE_LIMIT = 10


@dataclass(frozen=True)
class Pull:
    """What a client asks for.

    :ivar image: with tag or digest if it has one.    :ivar auth: the header X-Registry-Auth, as it came.
    :ivar platform: such as ``linux/arm64``; empty: the engine's own.
    """

    image: str
    platform: str = ""
    auth: str = ""


def pull(head: Head) -> Pull | None:
    """What a request pulls; None: it is no pull."""
    path, _, query = head.target.partition(b"?")
    if head.method != b"POST" or not _PATH.fullmatch(path):
        return None
    given = {name: values[0] for name, values in parse_qs(query.decode("utf-8", errors="replace")).items()}
    image, tag = given.get("fromImage", ""), given.get("tag", "")
    if not image:
        return None  # an import
    if tag:
        image += f"@{tag}" if ":" in tag else f":{tag}"
    auth = [value for name, value in head.fields if name == b"x-registry-auth"]
    return Pull(image, given.get("platform", ""), auth[0].decode("ascii", errors="replace") if auth else "")


class PullAnswer:
    """Passes one answer on, piece by piece.

    :param advise: asked at most once, with the error's text.
    """

    def __init__(self, wanted: Pull, advise: Advise) -> None:
        self._wanted = wanted
        self._advise = advise
        self._held = bytearray()
        self._passing: int | None = 0  # bytes to pass on before the next chunk; None: all that comes
        self._next = self._pass_head

    async def take(self, data: bytes) -> bytes:
        """What goes to the client, now that ``data`` has come from the engine."""
        self._held += data
        passed = bytearray()
        while self._held:
            if self._passing != 0:
                passed += self._release(len(self._held) if self._passing is None else self._passing)
            elif (piece := await self._next()) is None:
                break
            else:
                passed += piece
        return bytes(passed)

    def rest(self) -> bytes:
        """What was kept, as it came: the engine sends nothing more."""
        self._passing = None
        return self._release(len(self._held))

    def _release(self, most: int) -> bytes:
        piece = bytes(self._held[:most])
        del self._held[: len(piece)]
        if self._passing is not None:
            self._passing = max(0, self._passing - len(piece))
        return piece

    def _pass_all(self) -> bytes:
        self._passing = None
        return b""

    async def _pass_head(self) -> bytes | None:
        """None: more has to come."""
        end = HEAD_END.search(self._held)
        if end is None:
            return None if len(self._held) < HEAD_LIMIT else self._pass_all()
        head = bytes(self._held[: end.end()])
        status, size = _STATUS.match(head), _LENGTH.search(head)
        if status is None:
            return self._pass_all()
        if status[1].startswith(b"1"):
            return self._release(len(head)) if status[1] != b"101" else self._pass_all()
        if _CHUNKED.search(head):
            self._next = self._pass_chunk
            return self._release(len(head))
        if size is None or status[1] < b"400" or int(size[2]) > ERROR_LIMIT:
            return self._pass_all()
        if len(self._held) < len(head) + int(size[2]):
            return None
        body = await self._amended(self._release(len(head) + int(size[2]))[len(head) :])
        return _LENGTH.sub(lambda found: found[1] + b"%d" % len(body), head) + body + self._pass_all()

    async def _pass_chunk(self) -> bytes | None:
        """None: more has to come."""
        size = _SIZE.match(self._held)
        if size is None:
            return None if b"\n" not in self._held and len(self._held) < _SIZE_LIMIT else self._pass_all()
        length = int(size[1], 16)
        if length == 0:
            return self._pass_all()
        whole = size.end() + length + 2
        begun = self._held[size.end() : size.end() + length][: len(ERROR_BEGINS)]
        if not ERROR_BEGINS.startswith(begun) or length > ERROR_LIMIT or length < len(ERROR_BEGINS):
            self._passing = whole
            return b""
        if len(self._held) < whole:
            return None
        chunk = self._release(whole)
        line = chunk[size.end() : -2]
        amended = await self._amended(line)
        return chunk if amended == line else b"%x\r\n%s\r\n" % (len(amended), amended)

    async def _amended(self, raw: bytes) -> bytes:
        """An error with what to do about it; ``raw`` itself where there is nothing to add."""
        try:
            found = json.loads(raw)
        except (ValueError, RecursionError):
            return raw
        holder = found.get("errorDetail", found) if isinstance(found, dict) else None
        text = holder.get("message") if isinstance(holder, dict) else None
        if not isinstance(text, str) or not isinstance(holder, dict):
            return raw
        advice = await self._advise(self._wanted, text)
        if not advice:
            return raw
        return _dump(found, holder, f"{text.rstrip('.')}. {advice}", advice) + raw[len(raw.rstrip(b"\r\n")) :]


def _dump(found: dict[str, Any], holder: dict[str, Any], text: str, advice: str) -> bytes:
    """The error with another message. Our own client reads the advice by itself, from ``hint``."""
    holder |= {"message": text, "hint": advice}
    if holder is not found:
        found["error"] = text
    return json.dumps(found, separators=(",", ":")).encode()
