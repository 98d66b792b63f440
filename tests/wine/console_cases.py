"""Cases for Ctrl-C, Ctrl-Break and the end of a console, run by Windows' own Python: ``python console_cases.py``.

They send the console's own events to the command line and see what becomes of it and of the supervisor, which is
the stand-in: a start of its stays under way until it is told to go on. They can be run on Windows as well.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from ctypes import wintypes
from typing import Any

import psutil

from vm.host import host, programs

assert sys.platform == "win32"

CLI = str(programs.installation() / "bin" / "slipway.exe")
ENVIRONMENT = {**os.environ, "SLIPWAY_FAKE": "held"}
SECONDS = 90.0
OWN_CONSOLE = "--own-console"

IS_WINE = hasattr(ctypes.CDLL("ntdll"), "wine_get_version")
NOT_UNDER_WINE = ("test_ctrl_break",)
"""Wine 10 ends one thread of a process for Ctrl-Break, by SIGQUIT, and calls no handler."""

_kernel = ctypes.WinDLL("kernel32", use_last_error=True)
_kernel.SetConsoleCtrlHandler.argtypes = [ctypes.c_void_p, wintypes.BOOL]

IN_A_CONSOLE = """
import ctypes, subprocess, sys
from ctypes import wintypes
kernel, user = ctypes.WinDLL("kernel32"), ctypes.WinDLL("user32")
program = subprocess.Popen([sys.argv[1], "start"])
print(program.pid, flush=True)
if sys.stdin.readline() == "close\\n":
    kernel.GetConsoleWindow.restype = wintypes.HWND
    user.PostMessageW.argtypes = [wintypes.HWND, wintypes.UINT, wintypes.WPARAM, wintypes.LPARAM]
    assert user.PostMessageW(kernel.GetConsoleWindow(), 0x10, 0, 0)
else:
    assert kernel.GenerateConsoleCtrlEvent(1, 0)
program.wait()
"""
"""Starts Slipway in its own console, and closes that (WM_CLOSE) or presses Ctrl-Break when it is told to."""


def status() -> dict[str, Any]:
    done = subprocess.run([CLI, "status", "--json"], env=ENVIRONMENT, capture_output=True, text=True, check=False)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def starting(cli: subprocess.Popen[Any]) -> int:
    """Wait until a start is under way; the supervisor's process."""
    return wait_for(lambda told: told["state"] == "starting" and cli.poll() is None)


def wait_for(condition: Callable[[dict[str, Any]], bool]) -> int:
    end = time.monotonic() + SECONDS
    while not condition(told := status()):
        assert time.monotonic() < end, told
        time.sleep(0.2)
    return int(told["supervisor_pid"])


def start() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [CLI, "start"], env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def stop() -> None:
    subprocess.run([CLI, "stop"], env=ENVIRONMENT, check=True, capture_output=True)


def press(event: int) -> None:
    """Send an event to all programs of this console, as its keyboard does."""
    if not _kernel.GenerateConsoleCtrlEvent(event, 0):
        raise ctypes.WinError(ctypes.get_last_error())


def test_ctrl_c_cancels_the_start() -> None:
    cli = start()
    supervisor = starting(cli)
    press(signal.CTRL_C_EVENT)
    _, errors = cli.communicate(timeout=SECONDS)
    assert cli.returncode == 130, errors
    assert "Cancelling the start" in errors
    told = status()
    assert told["supervisor_pid"] == supervisor
    assert (told["state"], told["note"]) == ("stopped", "The start was cancelled")
    stop()


def ends_the_command_alone(action: bytes) -> None:
    """The start goes on, and so does the supervisor."""
    argv = [sys.executable, "-c", IN_A_CONSOLE, CLI]
    console = subprocess.Popen(
        argv,
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        creationflags=subprocess.CREATE_NEW_CONSOLE,
    )
    assert console.stdout
    cli = psutil.Process(int(console.stdout.readline()))
    supervisor = wait_for(lambda told: told["state"] == "starting")
    console.communicate(action, timeout=SECONDS)
    assert not psutil.wait_procs([cli], SECONDS)[1]
    told = status()
    assert (told["supervisor_pid"], told["state"]) == (supervisor, "starting")
    (host().paths().home / "go-on").touch()
    try:
        assert wait_for(lambda found: found["state"] == "running") == supervisor
    finally:
        (host().paths().home / "go-on").unlink()
    stop()


def test_ctrl_break() -> None:
    ends_the_command_alone(b"break\n")


def test_closing_the_console() -> None:
    """Its window is closed, or that of the terminal that it is in."""
    ends_the_command_alone(b"close\n")


def main() -> int:
    """Run those whose name has one of the arguments in it, or all; how many failed."""
    if OWN_CONSOLE not in sys.argv:
        argv = [sys.executable, __file__, *sys.argv[1:], OWN_CONSOLE]
        streams = {"stdin": subprocess.DEVNULL, "stdout": sys.stdout, "stderr": sys.stderr}
        done = subprocess.run(argv, creationflags=subprocess.CREATE_NEW_CONSOLE, check=False, **streams)
        return done.returncode
    _kernel.SetConsoleCtrlHandler(None, False)  # Ctrl-C counts, whoever has started us
    signal.signal(signal.SIGINT, lambda *_: None)
    failed = 0
    for name, run in [(name, value) for name, value in globals().items() if name.startswith("test_")]:
        wanted = [word for word in sys.argv[1:] if word != OWN_CONSOLE]
        if (wanted and not any(word in name for word in wanted)) or (IS_WINE and name in NOT_UNDER_WINE):
            continue
        try:
            run()
        except Exception:  # noqa: BLE001 - each is reported, and the others are run
            failed += 1
            print(f"FAILED {name}\n{traceback.format_exc()}", flush=True)
            stop()
        else:
            print(f"passed {name}", flush=True)
    return failed


if __name__ == "__main__":
    raise SystemExit(main())
