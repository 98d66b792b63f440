"""A virtual screen: an X server and a session bus of their own, with what screen readers need.

Both pick a free address themselves, so any number of them can run beside each other and beside a real desktop.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from installers.checkout import system

SIZE = "1280x900x24"
END_SECONDS = 20.0

GRAB = """
import sys
from PySide6.QtGui import QGuiApplication
app = QGuiApplication([])
sys.exit(not app.primaryScreen().grabWindow(0).save(sys.argv[1]))
"""


@dataclass(frozen=True)
class Screen:
    """:ivar display: X's address.    :ivar bus: the session bus's address."""

    display: str
    bus: str

    @property
    def environment(self) -> Mapping[str, str]:
        """What a program needs to appear on it, and to be told to a screen reader."""
        return {
            "DISPLAY": self.display,
            "DBUS_SESSION_BUS_ADDRESS": self.bus,
            "QT_QPA_PLATFORM": "xcb",
            "QT_LINUX_ACCESSIBILITY_ALWAYS_ON": "1",
            "XDG_CURRENT_DESKTOP": "",
        }

    def picture(self, target: Path) -> None:
        """Save all that is on it as a PNG."""
        own = {**os.environ, **self.environment, "QT_LINUX_ACCESSIBILITY_ALWAYS_ON": "0"}
        subprocess.run([sys.executable, "-c", GRAB, target], env=own, check=True, timeout=60)


@contextmanager
def screen(environment: Mapping[str, str] | None = None, server: tuple[str, ...] = ()) -> Iterator[Screen]:
    """Run an X server and a session bus until the end of the block; what the bus started ends too.

    :param environment: for these programs and those they start, beside the inherited one.
    :param server: more arguments for the X server.
    """
    own = {**os.environ, **(environment or {})}
    with _asked(
        "Xvfb", "-displayfd", "-screen", "0", SIZE, "-nolisten", "tcp", *server, environment=own
    ) as number:
        display = {"DISPLAY": f":{number}"}
        bus = _asked("dbus-daemon", "--print-address=", "--session", "--nofork", environment={**own, **display})
        with bus as address:
            yield Screen(display["DISPLAY"], address)


@contextmanager
def _asked(name: str, option: str, *arguments: str, environment: Mapping[str, str]) -> Iterator[str]:
    """A program that writes its address, one line, to the descriptor that ``option`` names."""
    program = system.find_program(name)
    assert program, f"{name} is missing: python3 installers/dev.py setup"
    reading, writing = os.pipe()
    words = [f"{option}{writing}"] if option.endswith("=") else [option, str(writing)]
    process = psutil.Popen(
        [program, *words, *arguments],
        env=environment,
        pass_fds=(writing,),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    try:
        with os.fdopen(reading, encoding="ascii") as told:
            address = told.readline().strip()
        assert address, f"{name} ended with exit code {process.wait()}"
        yield address
    finally:
        end(process)


def end(process: psutil.Process) -> None:
    """End a process and all it started, kindly at first."""
    family = [*process.children(recursive=True), process]
    for member in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.terminate()
    for member in psutil.wait_procs(family, timeout=END_SECONDS)[1]:
        with contextlib.suppress(psutil.NoSuchProcess):  # it ended with another one
            member.kill()
            member.wait(END_SECONDS)
