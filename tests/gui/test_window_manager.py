"""The paths by keyboard in a real X server, where a window manager decides which window gets the keys."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil

from installers.checkout import system
from tests.e2e.screen import end, screen

SECONDS = 600


def test_by_keyboard_under_a_window_manager(tmp_path: Path) -> None:
    manager = system.find_program("openbox")
    assert manager, "openbox is missing: python3 installers/dev.py setup"
    with screen() as shown:
        own = {**os.environ, **shown.environment, "XDG_CACHE_HOME": str(tmp_path)}
        running = psutil.Popen([manager], env=own, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            done = subprocess.run(
                [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/gui/test_keyboard.py"],
                env={name: value for name, value in own.items() if not name.startswith("PYTEST_XDIST")},
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
            assert running.is_running(), "the window manager has ended"
        finally:
            end(running)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
