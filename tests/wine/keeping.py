"""Programs of Windows that keep something for as long as a test wants: a file, a port, a pipe."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.wine.system import WineSystem
from tests.wine.windows import PYTHON

SECONDS = 60.0

PIPE = """
import ctypes, sys
create = ctypes.WinDLL("kernel32").CreateNamedPipeW
create.restype = ctypes.c_void_p
kept = [create(sys.argv[1], 3, 4, 255, 65536, 65536, 0, None) for _ in range(3)]
"""
"""Keeps the pipe that it is given, with places for three clients; it never answers them."""

READY = r"C:\ready"


@contextmanager
def kept(wine: WineSystem, script: str, *arguments: str) -> Iterator[None]:
    """Run a script of Python, which keeps what it has taken until its input ends.

    :param script: takes it; what follows here tells that it has and waits.
    """
    ready = wine.host_path(READY)
    ready.unlink(missing_ok=True)
    lines = f"{script}\nimport sys\nopen({READY!r}, 'w').close()\nsys.stdin.read()\n"
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as stdin:
        program = wine.popen([PYTHON, "-c", lines, *arguments], stdin=stdin)
    try:
        end = time.monotonic() + SECONDS
        while not ready.exists():
            assert program.is_running(), "the script has ended"
            assert time.monotonic() < end
            time.sleep(0.1)
        yield
    finally:
        os.close(writing)
        try:
            program.wait(SECONDS)
        finally:
            program.kill()
