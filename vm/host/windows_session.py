"""The end of the user's session and the computer's sleep: Windows tells windows, so we have a hidden one.

A process without a window is ended at log-off and shutdown without being asked. With one it is asked
(WM_QUERYENDSESSION), then ended (WM_ENDSESSION), and may take its time while Windows shows the reason it has given
(Microsoft, "Shutting Down", "ShutdownBlockReasonCreate"). Processes are ended in the order of their level: ours is
the highest that programs may have, so QEMU still runs while we stop it. A console's control events would not do:
programs that use windows do not get those of the session's end (SetConsoleCtrlHandler).
"""

from __future__ import annotations

import ctypes
import logging
import sys
import threading
from ctypes import wintypes

from vm.host.base import SessionListener

assert sys.platform == "win32"

log = logging.getLogger(__name__)

CLASS = "SlipwaySession"
REASON = "Slipway is stopping the Linux machine"

WM_DESTROY, WM_CLOSE, WM_QUERYENDSESSION, WM_ENDSESSION = 0x02, 0x10, 0x11, 0x16
WM_TIMECHANGE, WM_POWERBROADCAST, WM_LEAVE = 0x1E, 0x218, 0x8000
"""Messages of winuser.h; the last one is our own (WM_APP)."""

PBT_APMRESUMEAUTOMATIC = 0x12
"""What comes with WM_POWERBROADCAST each time the computer wakes up."""

FIRST_TO_END = 0x3FF
"""The highest level of a program's own choice (SetProcessShutdownParameters); that of other programs is 0x280."""

START_SECONDS = 30.0

_Procedure = ctypes.WINFUNCTYPE(
    ctypes.c_ssize_t, wintypes.HWND, wintypes.UINT, wintypes.WPARAM, wintypes.LPARAM, use_last_error=True
)


class _WindowClass(ctypes.Structure):
    """WNDCLASSW."""

    _fields_ = (
        ("style", wintypes.UINT),
        ("procedure", _Procedure),
        ("class_extra", ctypes.c_int),
        ("window_extra", ctypes.c_int),
        ("instance", wintypes.HINSTANCE),
        ("icon", wintypes.HICON),
        ("cursor", wintypes.HANDLE),
        ("background", wintypes.HBRUSH),
        ("menu", wintypes.LPCWSTR),
        ("name", wintypes.LPCWSTR),
    )


_user = ctypes.WinDLL("user32", use_last_error=True)
_user.DefWindowProcW.restype = ctypes.c_ssize_t
_user.DefWindowProcW.argtypes = [wintypes.HWND, wintypes.UINT, wintypes.WPARAM, wintypes.LPARAM]
_user.CreateWindowExW.restype = wintypes.HWND
_user.CreateWindowExW.argtypes = [
    *(wintypes.DWORD, wintypes.LPCWSTR, wintypes.LPCWSTR, wintypes.DWORD),
    *[ctypes.c_int] * 4,
    *[wintypes.HANDLE] * 4,
]
_user.GetMessageW.argtypes = [ctypes.POINTER(wintypes.MSG), wintypes.HWND, wintypes.UINT, wintypes.UINT]
_user.DispatchMessageW.argtypes = [ctypes.POINTER(wintypes.MSG)]
_user.PostMessageW.argtypes = [wintypes.HWND, wintypes.UINT, wintypes.WPARAM, wintypes.LPARAM]
_user.UnregisterClassW.argtypes = [wintypes.LPCWSTR, wintypes.HINSTANCE]
_user.DestroyWindow.argtypes = [wintypes.HWND]
_user.ShutdownBlockReasonCreate.argtypes = [wintypes.HWND, wintypes.LPCWSTR]
_user.ShutdownBlockReasonDestroy.argtypes = [wintypes.HWND]
_kernel = ctypes.WinDLL("kernel32", use_last_error=True)
_kernel.GetModuleHandleW.restype = wintypes.HMODULE


def _instance() -> int:
    found: int = _kernel.GetModuleHandleW(None)
    return found


class SessionWindow:
    """The hidden window and the thread that serves it.

    :param listener: is called in that thread.
    :raise OSError: Windows does not make one.
    """

    def __init__(self, listener: SessionListener) -> None:
        self._listener = listener
        self._handle: int | None = None
        self._failure: OSError | None = None
        self._ready = threading.Event()
        self._procedure = _Procedure(self._answer)  # Windows keeps only a pointer to it
        self._thread = threading.Thread(target=self._serve, name="session", daemon=True)
        self._thread.start()
        if not self._ready.wait(START_SECONDS):
            raise TimeoutError("Windows has made no window")
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """Listen no more. Idempotent."""
        if self._handle is not None:
            _user.PostMessageW(self._handle, WM_LEAVE, 0, 0)

    def _serve(self) -> None:
        try:
            self._handle = self._make()
        except OSError as error:
            self._failure = error
            return
        finally:
            self._ready.set()
        if not _kernel.SetProcessShutdownParameters(FIRST_TO_END, 0):
            log.warning("QEMU may be ended before the machine is stopped: %s", ctypes.WinError())
        message = wintypes.MSG()
        while _user.GetMessageW(ctypes.byref(message), None, 0, 0) > 0:
            _user.DispatchMessageW(ctypes.byref(message))
        _user.UnregisterClassW(CLASS, _instance())

    def _make(self) -> int:
        """A window of the top level: messages to all do not reach others. :raise OSError: it cannot be made."""
        instance = _instance()
        made = _WindowClass(procedure=self._procedure, instance=instance, name=CLASS)
        if not _user.RegisterClassW(ctypes.byref(made)):
            raise ctypes.WinError(ctypes.get_last_error())
        handle: int | None = _user.CreateWindowExW(0, CLASS, "Slipway", 0, 0, 0, 0, 0, None, None, instance, None)
        if not handle:
            raise ctypes.WinError(ctypes.get_last_error())
        return handle

    def _answer(self, handle: int, message: int, first: int, second: int) -> int:
        try:
            return self._handled(handle, message, first, second)
        except Exception:
            log.exception("message %#x of Windows", message)
            return int(_user.DefWindowProcW(handle, message, first, second))

    def _handled(self, handle: int, message: int, first: int, second: int) -> int:
        if message == WM_QUERYENDSESSION:
            log.info("Windows asks whether the session may end")
            _user.ShutdownBlockReasonCreate(handle, REASON)
            return 1
        if message == WM_ENDSESSION:
            if first:
                log.info("the session ends")
                self._listener.end()
                self._listener.wait_until_ended()  # when we return, Windows ends this process
            _user.ShutdownBlockReasonDestroy(handle)
            return 0
        if message == WM_CLOSE:  # taskkill without /f
            log.info("this process is to end")
            self._listener.end()
            return 0
        if message == WM_TIMECHANGE or (message == WM_POWERBROADCAST and first == PBT_APMRESUMEAUTOMATIC):
            self._listener.woke()
            return 1
        if message == WM_LEAVE:
            _user.DestroyWindow(handle)
            return 0
        if message == WM_DESTROY:
            _user.PostQuitMessage(0)
            return 0
        return int(_user.DefWindowProcW(handle, message, first, second))
