"""Cases for the session's end and the computer's sleep, run by Windows' own Python: ``python session_cases.py``.

They send the messages that Windows sends. They need nothing but the package, and can be run on Windows as well.
"""

from __future__ import annotations

import ctypes
import sys
import threading
import traceback
from collections.abc import Callable
from ctypes import wintypes

from vm.host.base import SessionListener

assert sys.platform == "win32"

from vm.host.windows_session import (  # noqa: E402 - the line above narrows types
    CLASS,
    FIRST_TO_END,
    PBT_APMRESUMEAUTOMATIC,
    SessionWindow,
)

WM_CLOSE, WM_QUERYENDSESSION, WM_ENDSESSION = 0x10, 0x11, 0x16
WM_TIMECHANGE, WM_POWERBROADCAST = 0x1E, 0x218
PBT_APMSUSPEND, PBT_APMPOWERSTATUSCHANGE = 0x4, 0xA
TO_ALL = 0xFFFF
"""HWND_BROADCAST: windows of the top level, as Windows does it."""

SECONDS = 60.0

_user = ctypes.WinDLL("user32", use_last_error=True)
_user.FindWindowW.restype = wintypes.HWND
_user.FindWindowW.argtypes = [wintypes.LPCWSTR, wintypes.LPCWSTR]
for _call in (_user.SendMessageW, _user.PostMessageW):
    _call.restype = ctypes.c_ssize_t
    _call.argtypes = [wintypes.HWND, wintypes.UINT, wintypes.WPARAM, wintypes.LPARAM]


class Case:
    """A window, and what it reports. :ivar may_end: set when the process has ended as far as others notice."""

    def __init__(self) -> None:
        self.ends, self.wakes = threading.Semaphore(0), threading.Semaphore(0)
        self.may_end = threading.Event()
        self.window = SessionWindow(SessionListener(self.ends.release, self._wait, self.wakes.release))
        self.handle = _user.FindWindowW(CLASS, None)
        assert self.handle

    def _wait(self) -> None:
        assert self.may_end.wait(SECONDS)

    def send(self, message: int, first: int = 0, second: int = 0) -> int:
        return int(_user.SendMessageW(self.handle, message, first, second))

    def close(self) -> None:
        self.may_end.set()
        self.window.close()


def test_it_may_end_and_says_that_it_takes_time(case: Case) -> None:
    assert case.send(WM_QUERYENDSESSION) == 1
    query = getattr(_user, "ShutdownBlockReasonQuery", None)
    if query is not None:  # Wine takes reasons, and shows none
        reason, size = ctypes.create_unicode_buffer(100), wintypes.DWORD(100)
        assert query(wintypes.HWND(case.handle), reason, ctypes.byref(size))
        assert reason.value == "Slipway is stopping the Linux machine"
    assert not case.ends.acquire(timeout=0.2)
    assert case.send(WM_ENDSESSION, 0) == 0
    assert not case.ends.acquire(timeout=0.2), "somebody else has refused that the session ends"


def test_the_end_waits_for_us(case: Case) -> None:
    assert case.send(WM_QUERYENDSESSION) == 1
    answered = threading.Event()

    def end() -> None:
        case.send(WM_ENDSESSION, 1)
        answered.set()

    thread = threading.Thread(target=end)
    thread.start()
    assert case.ends.acquire(timeout=SECONDS)
    assert not answered.wait(0.5)
    case.may_end.set()
    assert answered.wait(SECONDS)
    thread.join(SECONDS)


def test_closing(case: Case) -> None:
    """``taskkill`` without ``/f``."""
    assert case.send(WM_CLOSE) == 0
    assert case.ends.acquire(timeout=SECONDS)
    assert _user.IsWindow(wintypes.HWND(case.handle))


def test_waking_up(case: Case) -> None:
    for message, first in ((WM_POWERBROADCAST, PBT_APMRESUMEAUTOMATIC), (WM_TIMECHANGE, 0)):
        assert _user.PostMessageW(TO_ALL, message, first, 0)
        assert case.wakes.acquire(timeout=SECONDS)
    for first in (PBT_APMSUSPEND, PBT_APMPOWERSTATUSCHANGE):
        case.send(WM_POWERBROADCAST, first)
    assert not case.wakes.acquire(timeout=0.2)
    assert not case.ends.acquire(blocking=False)


def test_we_are_the_first_to_end(case: Case) -> None:
    level, flags = wintypes.DWORD(), wintypes.DWORD()
    assert ctypes.WinDLL("kernel32").GetProcessShutdownParameters(ctypes.byref(level), ctypes.byref(flags))
    assert level.value == FIRST_TO_END


def test_two_after_each_other(case: Case) -> None:
    case.close()
    while _user.FindWindowW(CLASS, None):  # nothing announces that it is gone
        threading.Event().wait(0.02)
    again = Case()
    assert again.send(WM_QUERYENDSESSION) == 1
    again.close()


def main() -> int:
    """Run those whose name has one of the arguments in it, or all; how many failed."""
    failed = 0
    cases: list[tuple[str, Callable[[Case], None]]] = [
        (name, value) for name, value in globals().items() if name.startswith("test_")
    ]
    for name, run in cases:
        if len(sys.argv) > 1 and not any(word in name for word in sys.argv[1:]):
            continue
        case = Case()
        try:
            run(case)
        except Exception:  # noqa: BLE001 - each is reported, and the others are run
            failed += 1
            print(f"FAILED {name}\n{traceback.format_exc()}", flush=True)
        else:
            print(f"passed {name}", flush=True)
        finally:
            case.close()
        while _user.FindWindowW(CLASS, None):
            threading.Event().wait(0.02)
    return failed


if __name__ == "__main__":
    raise SystemExit(main())
