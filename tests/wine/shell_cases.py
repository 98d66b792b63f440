"""A shell in a console of Windows, by Windows' own Python: ``python shell_cases.py PORT USER KEY KNOWN_HOSTS``.

It types into its own console as the keyboard does, and reads what the screen shows.
"""

from __future__ import annotations

import ctypes
import subprocess
import sys
import threading
import time
from ctypes import wintypes
from pathlib import Path

from vm.guest.shell import Entrance, run_shell
from vm.host import own_terminal

assert sys.platform == "win32"

OWN_CONSOLE = "--own-console"
KEY_EVENT, STD_INPUT, STD_OUTPUT = 1, 0xFFFFFFF6, 0xFFFFFFF5
SECONDS = 60.0

_kernel = ctypes.WinDLL("kernel32", use_last_error=True)
_kernel.GetStdHandle.restype = wintypes.HANDLE
_kernel.GetStdHandle.argtypes = [wintypes.DWORD]
_kernel.GetConsoleMode.argtypes = [wintypes.HANDLE, ctypes.POINTER(wintypes.DWORD)]


class Key(ctypes.Structure):
    """INPUT_RECORD with a KEY_EVENT_RECORD."""

    _fields_ = (
        ("kind", wintypes.WORD),
        ("down", wintypes.BOOL),
        ("repeat", wintypes.WORD),
        ("key", wintypes.WORD),
        ("scan", wintypes.WORD),
        ("character", wintypes.WCHAR),
        ("state", wintypes.DWORD),
    )


def type_text(text: str) -> None:
    """Press and release the keys of a text."""
    keys = (Key * (2 * len(text)))()
    for place, character in enumerate(text):
        for number, down in ((2 * place, True), (2 * place + 1, False)):
            keys[number] = Key(KEY_EVENT, down, 1, 0, 0, character, 0)
    written = wintypes.DWORD()
    source = wintypes.HANDLE(_kernel.GetStdHandle(STD_INPUT))
    if not _kernel.WriteConsoleInputW(source, keys, len(keys), ctypes.byref(written)):
        raise ctypes.WinError(ctypes.get_last_error())


def screen() -> str:
    """The text that the console shows."""
    text, count = ctypes.create_unicode_buffer(120 * 200), wintypes.DWORD()
    target = wintypes.HANDLE(_kernel.GetStdHandle(STD_OUTPUT))
    read = _kernel.ReadConsoleOutputCharacterW
    read.argtypes = [wintypes.HANDLE, wintypes.LPWSTR, wintypes.DWORD, wintypes.DWORD, ctypes.c_void_p]
    if not read(target, text, 120 * 100, 0, ctypes.byref(count)):
        raise ctypes.WinError(ctypes.get_last_error())
    return text.value


def modes() -> list[int]:
    found = []
    for number in (STD_INPUT, STD_OUTPUT):
        mode = wintypes.DWORD()
        assert _kernel.GetConsoleMode(_kernel.GetStdHandle(number), ctypes.byref(mode))
        found.append(mode.value)
    return found


def shown(words: str) -> None:
    """Wait until the screen shows these words, which nothing announces."""
    end = time.monotonic() + SECONDS
    while words not in screen():
        assert time.monotonic() < end, screen()
        time.sleep(0.1)


def use(failures: list[BaseException]) -> None:
    """Type, in a thread of its own; the shell has the main one."""
    try:
        type_text("echo $((6*7)) größe; tty\r")
        shown("42 größe")
        shown("/dev/pts/")
        type_text("echo be''gun; sleep 100\r")
        shown("begun")
        type_text("\x03")
        type_text("echo inter''rupted; exit 4\r")
        shown("interrupted")
    except BaseException as error:
        failures.append(error)
        type_text("\x03exit 1\r")
        raise


def main() -> int:
    if OWN_CONSOLE not in sys.argv:
        argv = [sys.executable, __file__, *sys.argv[1:], OWN_CONSOLE]
        done = subprocess.run(argv, creationflags=subprocess.CREATE_NEW_CONSOLE, check=False)
        print((Path(__file__).with_suffix(".result")).read_text(encoding="utf-8"))
        return done.returncode
    port, user, key, known_hosts = sys.argv[1:5]
    entrance = Entrance("127.0.0.1", int(port), user, Path(key), Path(known_hosts))
    before, failures = modes(), list[BaseException]()
    typing = threading.Thread(target=use, args=(failures,))
    typing.start()
    code = run_shell(entrance, None, own_terminal())
    typing.join()
    told = f"{code} {'restored' if modes() == before else 'changed'} {failures}"
    Path(__file__).with_suffix(".result").write_text(told, encoding="utf-8")
    return 0 if told == "4 restored []" else 1


if __name__ == "__main__":
    raise SystemExit(main())
