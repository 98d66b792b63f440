"""The console that a program was started in, on Windows, as a terminal: keys and output are VT sequences.

Microsoft, "Console Virtual Terminal Sequences", "SetConsoleMode". A console does not announce its size to one who
reads characters, so it is looked at.
"""

from __future__ import annotations

import codecs
import ctypes
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import wintypes

from vm.host.common import terminal_size

assert sys.platform == "win32"

STD_INPUT, STD_OUTPUT = -10, -11
PROCESSED_INPUT, LINE_INPUT, ECHO_INPUT, VT_INPUT = 0x1, 0x2, 0x4, 0x200
PROCESSED_OUTPUT, VT_OUTPUT, NO_AUTO_RETURN = 0x1, 0x4, 0x8
"""Modes of consoles (consoleapi.h)."""

STDOUT = 1
"""Its descriptor."""

LOOK_SECONDS = 0.5
CHUNK = 2048

_kernel = ctypes.WinDLL("kernel32", use_last_error=True)
_kernel.GetStdHandle.restype = wintypes.HANDLE
_kernel.GetStdHandle.argtypes = [wintypes.DWORD]
_kernel.GetConsoleMode.argtypes = [wintypes.HANDLE, ctypes.POINTER(wintypes.DWORD)]
_kernel.SetConsoleMode.argtypes = [wintypes.HANDLE, wintypes.DWORD]
for _call in (_kernel.ReadConsoleW, _kernel.WriteConsoleW):
    _counted = ctypes.POINTER(wintypes.DWORD)
    _call.argtypes = [wintypes.HANDLE, ctypes.c_void_p, wintypes.DWORD, _counted, ctypes.c_void_p]


class ConsoleTerminal:
    """See :class:`vm.host.base.Terminal`."""

    def __init__(self) -> None:
        self._input = _kernel.GetStdHandle(STD_INPUT & 0xFFFFFFFF)
        self._output = _kernel.GetStdHandle(STD_OUTPUT & 0xFFFFFFFF)
        self._typed = codecs.getincrementaldecoder("utf-16-le")("surrogatepass")
        self._shown = codecs.getincrementaldecoder("utf-8")("replace")

    @property
    def is_there(self) -> bool:
        """Whether both streams are the console's."""
        try:
            _mode(self._input)
            _mode(self._output)
        except OSError:
            return False
        return True

    @property
    def name(self) -> str:
        return os.environ.get("TERM") or "xterm-256color"

    def size(self) -> tuple[int, int]:
        return terminal_size(STDOUT)

    @contextmanager
    def taken(self, resized: Callable[[], None]) -> Iterator[None]:
        before = _mode(self._input), _mode(self._output)
        keys = before[0] & ~(PROCESSED_INPUT | LINE_INPUT | ECHO_INPUT)
        done = threading.Event()
        threading.Thread(target=self._follow_size, args=(done, resized), daemon=True, name="size").start()
        try:
            _set_first(self._input, keys | VT_INPUT, keys)
            screen = before[1] | PROCESSED_OUTPUT
            _set_first(self._output, screen | VT_OUTPUT | NO_AUTO_RETURN, screen | VT_OUTPUT, screen)
            yield
        finally:
            done.set()
            _kernel.SetConsoleMode(self._input, before[0])
            _kernel.SetConsoleMode(self._output, before[1])

    def read(self) -> bytes:
        units, count = ctypes.create_unicode_buffer(CHUNK), wintypes.DWORD()
        while True:
            if not _kernel.ReadConsoleW(self._input, units, CHUNK, ctypes.byref(count), None):
                raise ctypes.WinError(ctypes.get_last_error())
            if not count.value:
                return b""
            typed = self._typed.decode(ctypes.string_at(units, 2 * count.value))
            if typed:  # else half of a character
                return typed.encode("utf-8", "replace")

    def write(self, data: bytes) -> None:
        units = self._shown.decode(data).encode("utf-16-le", "surrogatepass")
        for start in range(0, len(units), 2 * CHUNK):
            part, count = units[start : start + 2 * CHUNK], wintypes.DWORD()
            if not _kernel.WriteConsoleW(self._output, part, len(part) // 2, ctypes.byref(count), None):
                raise ctypes.WinError(ctypes.get_last_error())

    def _follow_size(self, done: threading.Event, resized: Callable[[], None]) -> None:
        known = self.size()
        while not done.wait(LOOK_SECONDS):
            now = self.size()
            if now != known:
                known = now
                resized()


def find_console() -> ConsoleTerminal | None:
    """The console of this process; None without one. For Windows' C library, the device NUL is a terminal too."""
    found = ConsoleTerminal()
    return found if found.is_there else None


def _mode(handle: int) -> int:
    """:raise OSError: it is no console."""
    found = wintypes.DWORD()
    if not _kernel.GetConsoleMode(handle, ctypes.byref(found)):
        raise ctypes.WinError(ctypes.get_last_error())
    return int(found.value)


def _set_first(handle: int, *modes: int) -> None:
    """Set the first of these modes that this Windows knows."""
    for mode in modes:
        if _kernel.SetConsoleMode(handle, mode):
            return
