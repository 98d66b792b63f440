"""A raw client of named pipes with the methods of a socket, by Windows' own calls and nothing of Slipway's.

It runs there only (``_winapi``), and does what go-winio's clients do: it waits while all instances are in use, and
ends its direction with a message of no bytes.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import socket
import sys
import time
from pathlib import Path
from typing import Any, BinaryIO

_winapi: Any = importlib.import_module("_winapi") if sys.platform == "win32" else None

BUSY, BROKEN, NOT_CONNECTED, NO_DATA, ABORTED = 231, 109, 233, 232, 995
"""ERROR_PIPE_BUSY and others (winerror.h)."""

WAIT_MILLISECONDS = 250
PIECE = 65536


class PipeSocket:
    """A connection.

    :ivar ended: ``message`` once the server has ended its direction, ``closed`` once it has gone; else empty.
    :ivar waited: how often all instances were in use.
    """

    def __init__(self, path: Path, seconds: float | None = 60.0) -> None:
        self._seconds, self._peeked, self.ended, self.waited = seconds, b"", "", 0
        end = time.monotonic() + (seconds or 60.0)
        while True:
            try:
                access = _winapi.GENERIC_READ | _winapi.GENERIC_WRITE
                overlapped, existing = _winapi.FILE_FLAG_OVERLAPPED, _winapi.OPEN_EXISTING
                self.handle = _winapi.CreateFile(str(path), access, 0, 0, existing, overlapped, 0)
                break
            except OSError as error:
                if winerror(error) != BUSY or time.monotonic() > end:
                    raise
                self.waited += 1
                with contextlib.suppress(OSError):  # Wine's ends early where it is the server that closes one
                    _winapi.WaitNamedPipe(str(path), WAIT_MILLISECONDS)

    def settimeout(self, seconds: float | None) -> None:
        self._seconds = seconds

    def gettimeout(self) -> float | None:
        return self._seconds

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Some bytes; none at an end, which ``ended`` then names. :raise TimeoutError: nothing has come."""
        data = self._peeked or self._read(size)
        if flags & socket.MSG_PEEK:
            self._peeked = data
            return data
        data, self._peeked = data[:size], data[size:]
        return data

    def sendall(self, data: bytes) -> None:
        """:raise TimeoutError: the server does not read.    :raise OSError: it has gone."""
        view = memoryview(data)
        while view:
            view = view[self._write(bytes(view[: 16 * PIECE])) :]

    def shutdown(self, how: int) -> None:
        """End our direction: a message of no bytes."""
        assert how == socket.SHUT_WR
        self._write(b"")

    def makefile(self, mode: str, buffering: int = -1) -> io.RawIOBase | io.BufferedReader:
        """For ``http.client`` and others that read from one."""
        assert mode == "rb"
        return io.BufferedReader(_Reader(self)) if buffering else _Reader(self)

    def sendfile(self, file: BinaryIO) -> None:
        """Send what is left of a file."""
        while piece := file.read(4 * PIECE):
            self.sendall(piece)

    def close(self) -> None:
        """Leave. Idempotent."""
        if self.handle:
            _winapi.CloseHandle(self.handle)
            self.handle = 0

    def __enter__(self) -> PipeSocket:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self, size: int) -> bytes:
        if self.ended == "closed":
            return b""
        try:
            reading, _ = _winapi.ReadFile(self.handle, size, overlapped=True)
            count = self._finish(reading)
        except OSError as error:
            if winerror(error) not in (BROKEN, NOT_CONNECTED):
                raise
            self.ended = "closed"
            return b""
        data = bytes(reading.getbuffer() or b"")
        assert len(data) == count
        if not data:
            self.ended = "message"
        return data

    def _write(self, data: bytes) -> int:
        try:
            writing, _ = _winapi.WriteFile(self.handle, data, overlapped=True)
            return self._finish(writing)
        except OSError as error:
            if winerror(error) in (BROKEN, NOT_CONNECTED, NO_DATA):
                raise ConnectionResetError(str(error)) from error
            raise

    def _finish(self, call: Any) -> int:
        """How many bytes a call has moved. :raise TimeoutError: it did not end in time, and has been cancelled."""
        wait = _winapi.INFINITE if self._seconds is None else int(self._seconds * 1000)
        if _winapi.WaitForMultipleObjects([call.event], False, wait) != _winapi.WAIT_OBJECT_0:
            call.cancel()
            count, error = call.GetOverlappedResult(True)
            if error == ABORTED:
                raise TimeoutError
            return int(count)
        return int(call.GetOverlappedResult(True)[0])


class _Reader(io.RawIOBase):
    def __init__(self, pipe: PipeSocket) -> None:
        super().__init__()
        self._pipe = pipe

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._pipe.recv(min(len(buffer), 4 * PIECE))  # which is allocated for each call
        buffer[: len(data)] = data
        return len(data)


def winerror(error: OSError) -> int | None:
    """Windows' number of an error."""
    return getattr(error, "winerror", None)


def eventually(check: Any, seconds: float = 20.0) -> None:
    """Wait until ``check()`` holds, where nothing reports it."""
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.01)
