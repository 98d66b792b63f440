"""The window on the stand-in: first paint, memory, and how long anything keeps it from painting.

Everything runs on an X server of its own, beside an empty Qt window in the same run.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from functools import cache, partial
from typing import Any

from tests.bench.attempts import Say, attempt
from tests.bench.report import Aim, Report, Row
from tests.bench.sizes import Sizes
from tests.bench.stats import median
from tests.e2e.screen import Screen, screen

PROBE_SECONDS = 300.0
EMPTY = "empty PySide6 window"
LONGEST_MS = 50.0


@cache
def bytecode() -> str:
    """A folder for compiled files: an installed window has its own beside it, whatever this checkout has."""
    folder = tempfile.mkdtemp(prefix="bench-", dir="/tmp")
    atexit.register(shutil.rmtree, folder)
    return folder


def probe(shown: Screen, mode: str, scenario: str, pace: float) -> dict[str, Any]:
    """Open a window in a home of its own, with the stand-in; what its watch told.

    :param pace: how long it is watched, as a part of the full time.

    :raise subprocess.SubprocessError: it failed.
    """
    home = tempfile.mkdtemp(prefix="bench-", dir="/tmp")
    own = {"SLIPWAY_HOME": home, "SLIPWAY_FAKE": scenario, "XDG_CONFIG_HOME": f"{home}/config"}
    environment = {**os.environ, **shown.environment, **own, "PYTHONPYCACHEPREFIX": bytecode()}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    del environment["QT_LINUX_ACCESSIBILITY_ALWAYS_ON"]  # as on a desktop without a screen reader
    argv = [sys.executable, "-m", "tests.bench.window_probe", mode, str(time.monotonic()), str(pace)]
    try:
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=PROBE_SECONDS)
        if done.returncode != 0:
            raise subprocess.SubprocessError(f"the window ({mode}): {done.stdout}{done.stderr}")
        told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return told
    finally:
        for word in ("start", "stop"):  # the stand-in of a window that ended at once may still be to come
            end = [sys.executable, "-m", "desktop.cli", word]
            subprocess.run(end, env=environment, check=True, capture_output=True, timeout=60)
        shutil.rmtree(home)


def measure(report: Report, sizes: Sizes, say: Say) -> None:
    """All of the window's figures."""
    with screen() as shown:
        _first_paint(shown, report, sizes, say)
        parts = {"500 changing": _busy, "images": _images, "pods": _pods, "log": _log, "logs": _logs}
        for name, part in parts.items():
            attempt(f"window, {name}", partial(part, shown, report, sizes.window_pace, say), report, say)


def _first_paint(shown: Screen, report: Report, sizes: Sizes, say: Say) -> None:
    say(f"window: {sizes.paints} first paints, in turns with an empty window")
    ours, bare = [], []
    for mode in ("first", "empty"):
        probe(shown, mode, "running", 1.0)  # compiles
    for _ in range(sizes.paints):
        ours.append(probe(shown, "first", "running", 1.0))
        bare.append(probe(shown, "empty", "running", 1.0))
    for what, key in (("first paint", "seconds"), ("first paint, processor's time", "cpu")):
        mine, theirs = [item[key] for item in ours], [item[key] for item in bare]
        report.rows.append(Row("window", what, "s", median(mine), median(theirs), EMPTY, our_samples=mine))
    paint = median([item["seconds"] for item in ours])
    say("window: memory at rest")
    rest = probe(shown, "rest", "running", sizes.window_pace)["memory"]
    report.rows.append(
        Row("window", "memory at rest (PSS)", "MB", rest, median([item["memory"] for item in bare]), EMPTY)
    )
    report.notes.append(
        f"window, aims: first paint < 0.8 s, at rest < 150 MB: {_met(paint < 0.8)}, {_met(rest < 150)}"
    )


def _busy(shown: Screen, report: Report, pace: float, say: Say) -> None:
    say("window: 500 containers change their state, fifty a second, an hour's worth")
    told = probe(shown, "busy", "running,many,busy", pace)
    memory = told["memory"]
    name, aim = "memory after an hour's events", Aim(1.05, at_least=False)
    _frames(report, "500 changing", told)
    report.rows.append(Row("window", name, "MB", memory[-1], memory[0], "before", aim))
    samples = ", ".join(f"{item:.1f}" for item in memory)
    report.notes.append(f"window, 500 changing: {told['events']} events; memory during them {samples} MB")


def _images(shown: Screen, report: Report, pace: float, say: Say) -> None:
    say("window: a list of 2,000 images is scrolled, searched and changed")
    told = probe(shown, "images", "running,many", pace)
    for name in ("scroll", "search", "change"):
        _frames(report, f"{told['rows']} images, {name}", told[name])


def _pods(shown: Screen, report: Report, pace: float, say: Say) -> None:
    say("window: a list of 1,000 pods, of which fifty change each second, is scrolled and searched")
    told = probe(shown, "pods", "running,many,busy,kubernetes", pace)
    for name in ("change", "scroll", "search"):
        _frames(report, f"{told['rows']} pods, {name}", told[name])


def _log(shown: Screen, report: Report, pace: float, say: Say) -> None:
    say("window: a log at 10,000 lines a second")
    told = probe(shown, "log", "running,loud", pace)
    report.rows += [
        Row("window", "log: lines taken", "1/s", told["lines"]),
        Row("window", "log: behind, longest", "s", told["behind"]),
    ]
    _frames(report, "log", told)
    _frames(report, f"log of {told['held']} lines, looked through", told["look"])
    _frames(report, f"log of {told['held']} lines, filtered", told["narrow"])


def _logs(shown: Screen, report: Report, pace: float, say: Say) -> None:
    say("window: the logs of all containers, one at 10,000 lines a second")
    told = probe(shown, "logs", "running,loud", pace)
    report.rows.append(Row("window", "logs: lines taken", "1/s", told["lines"]))
    for name, key in (("logs of all", ""), ("looked through", "look"), ("filtered", "narrow")):
        what = f"logs of all, {told['held']} lines, {name}" if key else name
        _frames(report, what, told[key] if key else told)


def _frames(report: Report, what: str, told: dict[str, Any]) -> None:
    """How long a frame took; the aim for the longest is 50 ms."""
    most = Aim(1.0, at_least=False)
    report.rows += [
        Row("window", f"{what}: frame, p99", "ms", told["p99"]),
        Row("window", f"{what}: frame, longest", "ms", told["max"], LONGEST_MS, "the aim", most),
        Row("window", f"{what}: own work in one", "ms", told["own max"], LONGEST_MS, "the aim", most),
    ]
    if told["over 50 ms"]:
        report.notes.append(f"window, {what}: {told['over 50 ms']} of {told['frames']} frames took over 50 ms")


def _met(met: bool) -> str:
    return "met" if met else "NOT met"
