"""Slipway with its machine on Windows: shell, accelerator, killed processes, the end of the session."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

from desktop.supervisor.lifecycle.boot_timeline import TITLES
from tests.wine.system import WineProgram
from tests.wine.windows import CLI, DOCKER, IMAGE, INSTALLED, PYTHON, START_SECONDS, Windows

SECONDS = 120.0

MOMENTS = ("init", "dockerd")
"""Stages of a start (desktop/supervisor/lifecycle/boot_timeline.py): Linux boots, dockerd is starting."""


def test_the_shell(windows: Windows) -> None:
    assert windows.slipway("shell", "uname", "-s").output == "Linux\n"
    assert windows.slipway("shell", "--", "echo", "two  spaces", "$HOME").output == "two  spaces $HOME\n"
    done = windows.wine.run([CLI, "shell", "--", "sh", "-c", "cat; echo err >&2; exit 7"], given=b"fed\n")
    assert (done.code, done.output, done.errors) == (7, "fed\n", "err\n")


def test_the_accelerator(windows: Windows) -> None:
    told = windows.status()["accelerator"]
    assert (told["name"], told["emulated"]) == ("tcg", True)
    assert "“Windows Hypervisor Platform” is off" in told["why"]
    assert "FeatureName:HypervisorPlatform" in told["fix"]
    assert told["why"] in windows.slipway("status").output


def wait_until_running(windows: Windows, besides: int | None = None) -> dict[str, Any]:
    """Wait for the machine to run; with a QEMU that is not ``besides``."""
    end = time.monotonic() + START_SECONDS
    while (told := windows.status())["state"] != "running" or told["machine"]["pid"] == besides:
        assert time.monotonic() < end, told
        time.sleep(1)
    return told


def processes(windows: Windows, words: str) -> list[int]:
    """The numbers of the processes with these words in their command line."""
    script = (
        "import psutil, sys\n"
        "for p in psutil.process_iter():\n"
        "    try:\n"
        "        found = any(sys.argv[1] in word for word in p.cmdline())\n"
        "    except (psutil.Error, OSError):\n"  # it is beginning or ending
        "        continue\n"
        "    if found and p.pid != psutil.Process().pid:\n"
        "        print(p.pid)\n"
    )
    done = windows.wine.run([PYTHON, "-c", script, words])
    assert done.code == 0, done
    return [int(line) for line in done.output.split()]


@pytest.mark.parametrize("moment", [0.0, 3.0])
def test_the_window_is_killed(windows: Windows, moment: float) -> None:
    before = wait_until_running(windows)
    window = windows.wine.popen([rf"{INSTALLED}\Slipway.exe"])
    time.sleep(moment)  # at whatever it is doing then
    window.kill()
    after = windows.status()
    assert (after["state"], after["supervisor_pid"]) == ("running", before["supervisor_pid"])


def test_the_folder_daemon_is_killed(windows: Windows) -> None:
    """Its folders come back, and containers that have one mounted see the files again."""
    folder = windows.wine.drive_c / "users" / "slipway" / "shared"
    folder.mkdir()
    (folder / "file").write_text("one")
    mount = r"C:\users\slipway\shared:/shared"
    windows.docker("run", "-d", "--name", "mounts", "-v", mount, IMAGE, "sleep", "100000")
    try:
        assert windows.docker("exec", "mounts", "cat", "/shared/file") == "one"
        (daemon,) = processes(windows, "sftp_daemon_windows")
        windows.end(daemon)
        (folder / "file").write_text("two")
        end = time.monotonic() + SECONDS
        while windows.wine.run([DOCKER, "exec", "mounts", "cat", "/shared/file"], seconds=SECONDS).output != "two":
            assert time.monotonic() < end
            time.sleep(0.5)
    finally:
        windows.docker("rm", "-f", "mounts")


def begin(windows: Windows, *arguments: str) -> WineProgram:
    return windows.wine.popen([CLI, *arguments])


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_command_is_killed_during_a_start(windows: Windows, moment: str) -> None:
    """The start goes on."""
    windows.slipway("stop")
    command = begin(windows, "start")
    wait_for_stage(windows, moment)
    command.kill()
    wait_until_running(windows)


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_supervisor_is_killed_during_a_start(windows: Windows, moment: str) -> None:
    """The command says so; the next one takes over what is there, or starts again."""
    windows.slipway("stop")
    command = begin(windows, "start")
    supervisor = wait_for_stage(windows, moment)["supervisor_pid"]
    windows.end(supervisor)
    assert command.wait(SECONDS) == 1
    windows.slipway("start")
    assert wait_until_running(windows)["supervisor_pid"] != supervisor
    assert len(processes(windows, "qemu-system-x86_64")) == 1


@pytest.mark.parametrize("moment", MOMENTS)
def test_qemu_is_killed_during_a_start(windows: Windows, moment: str) -> None:
    """It is started again, and nobody has to ask."""
    windows.slipway("stop")
    command = begin(windows, "start")
    told = wait_for_stage(windows, moment)
    windows.end(told["machine"]["pid"])
    assert command.wait(2 * START_SECONDS) == 0
    assert wait_until_running(windows)["machine"]["pid"] != told["machine"]["pid"]


def wait_for_stage(windows: Windows, moment: str) -> dict[str, Any]:
    """Wait until a start is at this stage, or past it; the status then."""
    texts = list(TITLES.values())
    end = time.monotonic() + START_SECONDS
    while True:
        found = windows.status()
        there = found["machine"] is not None and found["machine"]["pid"] is not None
        if there and (found["state"] == "running" or found["stage"] in texts[texts.index(TITLES[moment]) :]):
            return found
        assert time.monotonic() < end, found
        time.sleep(0.2)


WAKE = """
import ctypes
from ctypes import wintypes
post = ctypes.WinDLL("user32").PostMessageW
post.argtypes = [wintypes.HWND, wintypes.UINT, wintypes.WPARAM, wintypes.LPARAM]
assert post(0xFFFF, 0x218, 0x12, 0)
"""
"""Sends WM_POWERBROADCAST with PBT_APMRESUMEAUTOMATIC to all windows of the top level, as Windows does."""

AT_ONCE = 4.0
"""Seconds; without the message the clocks are compared each 30 s."""


def test_the_computer_wakes_up(windows: Windows) -> None:
    """The guest has the time again at once."""
    log = windows.wine.drive_c / "users" / "slipway" / "AppData" / "Local" / "Slipway" / "logs" / "supervisor.log"

    def corrections() -> int:
        lines = log.read_text(encoding="utf-8").splitlines()
        return sum("the guest's clock is" in line and line.endswith("step") for line in lines)

    wait_until_running(windows)
    for _ in range(3):
        windows.slipway("shell", "--", "sh", "-c", "date -s @$(($(date +%s) - 1000))")
        before = corrections()
        assert windows.wine.run([PYTHON, "-c", WAKE]).code == 0
        end = time.monotonic() + AT_ONCE
        while corrections() == before:
            assert time.monotonic() < end
            time.sleep(0.05)
        assert abs(time.time() - int(windows.slipway("shell", "date", "+%s").output)) < 20


def test_the_session_ends(windows: Windows) -> None:
    """As at log-off and shutdown: what was written just before is there later, and the disk was left in order."""
    windows.docker("volume", "create", "before")
    write = "echo kept >/v/file; cat /v/file"
    windows.docker("run", "-d", "--name", "runs", "-v", "before:/v", IMAGE, "sleep", "100000")
    assert windows.docker("exec", "runs", "sh", "-c", write) == "kept\n"
    qemu = windows.status()["machine"]["pid"]
    done = windows.wine.run(["wineboot", "--end-session"], seconds=SECONDS)
    assert done.code == 0, done
    assert processes(windows, "qemu-system-x86_64") == []
    logs = windows.wine.drive_c / "users" / "slipway" / "AppData" / "Local" / "Slipway" / "logs"
    ended = (logs / "supervisor.log").read_text(encoding="utf-8").rpartition("the session ends")[2]
    assert "stopped by poweroff" in ended
    windows.slipway("start")
    assert windows.status()["machine"]["pid"] != qemu
    assert windows.docker("run", "--rm", "-v", "before:/v", IMAGE, "cat", "/v/file") == "kept\n"
    kernel = windows.slipway("shell", "dmesg").output
    assert re.search(r"EXT4-fs \(vdb\): mounted", kernel), kernel
    assert "recovery complete" not in kernel
    windows.docker("rm", "-f", "runs")
    windows.docker("volume", "rm", "before")
