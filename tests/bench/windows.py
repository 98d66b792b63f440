"""Slipway for Windows, run by Wine, beside Slipway for Linux in the same run: named pipes beside Unix sockets.

Both have a machine of their own. Windows' is slower, as is everything that Wine does; so the endpoint is measured
by itself as well, with an engine in memory behind it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from installers.checkout import system
from installers.windows.payload import build_payload
from tests.bench.attempts import Say
from tests.bench.busybox import docker_of
from tests.bench.report import Report, Row
from tests.bench.sizes import Sizes
from tests.bench.stats import median, percentile
from tests.bench.subject import Subject
from tests.e2e import images
from tests.wine.cases import run_module
from tests.wine.windows import Windows, started
from vm.host import host

PEER = "Unix socket, Linux"
PIPE = r"\\.\pipe\docker_slipway"
ALONE = r"\\.\pipe\slipway_alone"
ROUNDS = 4
SECONDS = 900.0
Found = dict[str, list[float]]


def measure(subject: Subject, report: Report, sizes: Sizes, say: Say) -> None:
    """Latency and throughput in turns, then the cost of being idle."""
    say("windows: its package and its first start")
    system.ensure(system.FOR_WINDOWS_TESTS)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        payload = build_payload(folder / "package", programs=("docker",))
        with started(payload, folder) as windows:
            _add(report, "the endpoint alone: ", *_turns(windows, subject, "alone", sizes, say))
            _add(report, "", *_turns(windows, subject, "calls", sizes, say))
            _images(windows, subject, folder, report, sizes, say)
            _idle(windows, subject, report, sizes, say)


def _turns(windows: Windows, subject: Subject, mode: str, sizes: Sizes, say: Say) -> tuple[Found, Found]:
    """All samples of both."""
    rounds = min(ROUNDS, sizes.image_rounds * 2)
    sizes_of = [str(max(2, sizes.calls // rounds)), str(sizes.port_mib)]
    alone = subject.home / "alone.sock"
    ours: Found = {}
    theirs: Found = {}
    for number in range(rounds):
        say(f"windows: {mode}, round {number + 1} of {rounds}")
        done = run_module(
            windows.wine,
            "tests.bench.pipe_probe",
            mode,
            ALONE if mode == "alone" else PIPE,
            *sizes_of,
            seconds=SECONDS,
        )
        if done.code != 0:
            raise subprocess.SubprocessError(f"{done.output}{done.errors}")
        place = alone if mode == "alone" else subject.socket
        argv = [sys.executable, "-m", "tests.bench.pipe_probe", mode, str(place), *sizes_of]
        linux = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=SECONDS)
        for found, output in ((ours, done.output), (theirs, linux.stdout)):
            for name, samples in json.loads(output).items():
                found.setdefault(name, []).extend(samples)
    return ours, theirs


def _add(report: Report, prefix: str, ours: Found, theirs: Found) -> None:
    for name, mine in ours.items():
        if name.startswith("to the"):
            row = Row("windows", prefix + name, "MB/s", median(mine), median(theirs[name]), PEER)
            report.rows.append(row)
            continue
        for percent in (50, 99):
            figures = percentile(mine, percent), percentile(theirs[name], percent)
            report.rows.append(
                Row(
                    "windows",
                    f"{prefix}{name}, p{percent}",
                    "ms",
                    *figures,
                    PEER,
                    our_samples=mine,
                    their_samples=theirs[name],
                )
            )


def _images(windows: Windows, subject: Subject, folder: Path, report: Report, sizes: Sizes, say: Say) -> None:
    """``docker save`` and ``docker load`` by both docker commands, of an image that cannot be compressed."""
    archive = windows.wine.drive_c / "bench.tar"
    layer = folder / "layer.tar"
    images.write_random_layer(layer, sizes.image_mib, seed=1)
    images.write_archive(archive, layer, host().arch.value, "bench:latest")
    docker = docker_of(subject)
    size = archive.stat().st_size / 1e6
    found: dict[str, tuple[list[float], list[float]]] = {"load": ([], []), "save": ([], [])}
    for number in range(sizes.image_rounds):
        say(f"windows: docker load and save of {sizes.image_mib} MiB, round {number + 1} of {sizes.image_rounds}")
        for verb, option, file in (("load", "-i", r"C:\bench.tar"), ("save", "-o", r"C:\saved.tar")):
            image = ["bench:latest"] if verb == "save" else []
            host_file = archive if verb == "load" else folder / "saved.tar"
            began = time.perf_counter()
            windows.docker(verb, option, file, *image, seconds=SECONDS)
            found[verb][0].append(size / (time.perf_counter() - began))
            began = time.perf_counter()
            docker(verb, option, host_file, *image)
            found[verb][1].append(size / (time.perf_counter() - began))
        windows.docker("rmi", "bench:latest")
        docker("rmi", "bench:latest")
    for verb, (mine, theirs) in found.items():
        figures = median(mine), median(theirs)
        report.rows.append(
            Row("windows", f"docker {verb}", "MB/s", *figures, PEER, our_samples=mine, their_samples=theirs)
        )


def _idle(windows: Windows, subject: Subject, report: Report, sizes: Sizes, say: Say) -> None:
    """Processor's time and memory, by the host's own account of Wine's processes."""
    say(f"windows: {sizes.settle:.0f} s to settle, {sizes.watch:.0f} s of watching")
    ours = {"supervisor": _process(_is_supervisor), "Wine's server": _process(_is_server)}
    theirs = {"supervisor": subject.supervisor}
    time.sleep(sizes.settle)
    before = {process.pid: _busy(process) for process in (*ours.values(), *theirs.values())}
    began = time.monotonic()
    time.sleep(sizes.watch)
    took = time.monotonic() - began
    for name, process in ours.items():
        peer = theirs.get(name)
        used, peer_used = (
            (_busy(one) - before[one.pid]) / took * 100 if one is not None else None for one in (process, peer)
        )
        assert used is not None
        report.rows.append(Row("windows", f"idle, {name}: processor", "% of one", used, peer_used, "Linux"))
        memory = peer.memory_info().rss / 1e6 if peer is not None else None
        row = Row("windows", f"idle, {name}: memory (RSS)", "MB", process.memory_info().rss / 1e6, memory, "Linux")
        report.rows.append(row)


def _process(wanted: Callable[[psutil.Process], bool]) -> psutil.Process:
    """The one process below this one that is the wanted one. :raise OSError: there is none."""
    for process in psutil.Process().children(recursive=True):
        if wanted(process):
            return process
    raise OSError(f"{wanted.__name__}: there is no such process")


def _is_supervisor(process: psutil.Process) -> bool:
    argv = process.cmdline()
    return "desktop.supervisor" in argv and "\\" in argv[0]


def _is_server(process: psutil.Process) -> bool:
    return process.name().startswith("wineserver")


def _busy(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
