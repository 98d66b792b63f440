"""Named pipes of Windows for threads that wait, where others use sockets: the methods are those of a socket.

A pipe's handle would let one thread wait at a time; with overlapped calls one may read while another writes.
"""

from __future__ import annotations

import _winapi
import contextlib
import ctypes
import errno
import os
import sys
from pathlib import Path

assert sys.platform == "win32"

from vm.host.pipes import make_instance  # noqa: E402 - the line above narrows types

_disconnect = ctypes.WinDLL("kernel32").DisconnectNamedPipe


class PipeConnection:
    """The server's end of a pipe, with one client."""

    def __init__(self, path: Path, *, first: bool) -> None:
        self._handle = make_instance(path, first=first)
        self._seconds: float | None = None

    def settimeout(self, seconds: float | None) -> None:
        self._seconds = seconds

    def accept(self) -> _winapi.Overlapped:
        """Wait for a client; the event of what this returns is set then."""
        return _winapi.ConnectNamedPipe(self._number(), overlapped=True)

    def recv(self, size: int) -> bytes:
        """Some bytes; none when the client has ended its direction (a message of no bytes) or is gone."""
        try:
            reading, _ = _winapi.ReadFile(self._number(), size, overlapped=True)
            if not is_done(reading, self._seconds):
                reading.cancel()
                if reading.GetOverlappedResult(True)[1] == _winapi.ERROR_OPERATION_ABORTED:
                    raise TimeoutError
            reading.GetOverlappedResult(True)
        except TimeoutError:
            raise
        except OSError:
            return b""
        return bytes(reading.getbuffer() or b"")

    def sendall(self, data: bytes) -> None:
        while data:
            writing, _ = _winapi.WriteFile(self._number(), data, overlapped=True)
            written, _ = writing.GetOverlappedResult(True)
            data = data[written:]

    def shutdown(self, how: int) -> None:
        """Disconnect the client, in both directions whatever ``how`` is; a waiting :meth:`recv` gets no bytes."""
        _disconnect(ctypes.c_void_p(self._number()))

    def close(self) -> None:
        """Close it; the client may still read what was sent. Idempotent."""
        self._handle.close()

    def _number(self) -> int:
        number = self._handle.handle
        if number is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return number


class PipeListener:
    r"""Listens at ``\\.\pipe\NAME``.

    :raise PermissionError: another program does.
    :raise OSError: it cannot.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._next = PipeConnection(path, first=True)
        self._accepting: _winapi.Overlapped | None = None

    def accept(self, seconds: float) -> PipeConnection:
        """The next connection. :raise TimeoutError: there was none for so many seconds."""
        while True:
            try:
                if self._accepting is None:
                    self._accepting = self._next.accept()
                if not is_done(self._accepting, seconds):
                    raise TimeoutError
                self._accepting.GetOverlappedResult(True)
            except TimeoutError:
                raise
            except OSError:  # the client is gone already
                self._renew().close()
            else:
                return self._renew()

    def _renew(self) -> PipeConnection:
        """Let another client connect, so that the pipe is never without a place; return what was for this one."""
        one, self._next, self._accepting = self._next, PipeConnection(self._path, first=False), None
        return one

    def close(self) -> None:
        """Listen no more."""
        if self._accepting is not None:
            with contextlib.suppress(OSError):
                self._accepting.cancel()
        self._next.close()


def is_done(call: _winapi.Overlapped, seconds: float | None) -> bool:
    """Whether a call has ended after at most so many seconds."""
    wait = _winapi.INFINITE if seconds is None else int(seconds * 1000)
    return _winapi.WaitForMultipleObjects([call.event], False, wait) == _winapi.WAIT_OBJECT_0
