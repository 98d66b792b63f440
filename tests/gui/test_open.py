"""``slipway open`` on a real X server, and on displays that are not there: success is a window on the screen."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.e2e.cli import Program, Result
from tests.e2e.leftovers import assert_nothing_left, processes_of
from tests.e2e.screen import screen

COOKIE = bytes(range(16))
UNSET = {"DISPLAY": "", "WAYLAND_DISPLAY": "", "QT_QPA_PLATFORM": ""}


@pytest.fixture
def home() -> Iterator[Path]:
    """A home with a short path; its windows and its supervisor have ended afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="slipway-", dir="/tmp")).resolve()
    yield folder
    for pid in windows(folder):
        psutil.Process(pid).kill()
    slipway(folder, {}).run("stop", timeout=60)
    (folder / "run" / "window.sock").unlink(
        missing_ok=True
    )  # of a window that was killed; the next one removes it
    try:
        assert_nothing_left(folder)
    finally:
        shutil.rmtree(folder)


def slipway(home: Path, environment: Mapping[str, str]) -> Program:
    own = {
        "SLIPWAY_HOME": str(home),
        "SLIPWAY_FAKE": "running",
        "DOCKER_CONFIG": f"{home}/docker",
        "XDG_CONFIG_HOME": f"{home}/config",
        "XDG_DATA_HOME": f"{home}/share",
    }
    return Program((sys.executable, "-m", "desktop.cli"), {**own, **UNSET, **environment})


def windows(home: Path) -> list[int]:
    """The processes of windows of this home."""
    return [int(line.partition(":")[0]) for line in processes_of(home) if "desktop.ui" in line]


def on_screen(environment: Mapping[str, str]) -> list[str]:
    """X's numbers of the windows called Slipway that can be seen."""
    argv = ["xdotool", "search", "--onlyvisible", "--name", "^Slipway$"]
    done = subprocess.run(argv, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    return done.stdout.split()


def refused(home: Path, environment: Mapping[str, str]) -> Result:
    """An attempt that has to fail, and to leave no window's process behind."""
    result = slipway(home, environment).fails("--verbose", "open")
    assert result.code == 1
    assert "Traceback" not in result.err
    assert not windows(home)
    return result


def test_success_is_a_window_on_the_screen(home: Path) -> None:
    with screen() as shown:
        assert not on_screen(shown.environment)
        slipway(home, shown.environment)("open")
        assert len(on_screen(shown.environment)) == 1
        (pid,) = windows(home)
        slipway(home, shown.environment)("open")  # raises it
        slipway(home, shown.environment)("open", "--background")
        psutil.wait_procs([psutil.Process(one) for one in windows(home) if one != pid], timeout=20)
        assert windows(home) == [pid]


def test_in_the_background_nothing_is_on_the_screen(home: Path) -> None:
    with screen() as shown:
        slipway(home, shown.environment)("open", "--background")
        assert not on_screen(shown.environment)


def test_no_display(home: Path) -> None:
    result = refused(home, {})
    assert "There is no display" in result.err
    assert "DISPLAY or WAYLAND_DISPLAY" in result.err


@pytest.mark.parametrize(
    "environment",
    [{"DISPLAY": ":76543"}, {"DISPLAY": "nonsense"}, {"DISPLAY": "localhost:9"}],
    ids=lambda one: "=".join(*one.items()),
)
def test_a_display_that_is_not_there(home: Path, environment: Mapping[str, str]) -> None:
    result = refused(home, environment)
    assert f"cannot use the display DISPLAY={environment['DISPLAY']}" in result.err
    assert "could not connect to display" in result.err  # the details are Qt's


def test_a_wayland_display_that_is_not_there(home: Path) -> None:
    """Where the libraries of Wayland are missing, which is so on many a server, that is the reason."""
    result = refused(home, {"WAYLAND_DISPLAY": "nothing-0", "XDG_RUNTIME_DIR": str(home)})
    assert "WAYLAND_DISPLAY=nothing-0" in result.err or "cannot be loaded: lib" in result.err


def test_a_display_that_refuses_us(home: Path) -> None:
    with locked_display(home) as display:
        result = refused(home, {"DISPLAY": display, "XAUTHORITY": os.devnull})
        assert f"cannot use the display DISPLAY={display}" in result.err
        slipway(home, {"DISPLAY": display, "XAUTHORITY": str(home / "cookies")})("open")


@pytest.mark.parametrize(
    ("plugin", "said"),
    [("nonsense", "platform “nonsense”"), ("linuxfb:fb=/dev/none", "platform “linuxfb:fb=/dev/none”")],
)
def test_a_plugin_that_is_not_there(home: Path, plugin: str, said: str) -> None:
    with screen() as shown:
        assert said in refused(home, {**shown.environment, "QT_QPA_PLATFORM": plugin}).err


def test_a_qt_that_cannot_be_loaded(home: Path) -> None:
    """As where a library is missing that Qt's own are linked to; that is known when it is imported."""
    qt = home / "python" / "PySide6"
    qt.mkdir(parents=True)
    (qt / "__init__.py").write_text("raise ImportError('libEGL.so.1: cannot open shared object file')")
    result = refused(home, {"PYTHONPATH": str(qt.parent)})
    assert "Qt, which the window needs, cannot be loaded" in result.err
    assert "libEGL.so.1" in result.err


@contextmanager
def locked_display(folder: Path) -> Iterator[str]:
    """An X server that wants a cookie, which is in the file ``cookies`` (Xsecurity(7), Xau(3))."""
    number = b""  # any display
    fields = (b"", number, b"MIT-MAGIC-COOKIE-1", COOKIE)
    entry = struct.pack(">H", 0xFFFF) + b"".join(struct.pack(">H", len(field)) + field for field in fields)
    (folder / "cookies").write_bytes(entry)
    with screen(server=("-auth", str(folder / "cookies"))) as shown:
        yield shown.display
