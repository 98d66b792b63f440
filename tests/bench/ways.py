"""The way in: latency and throughput through the user's socket, in turns with OpenSSH's ``-L``."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from tests.bench.openssh import tunnel
from tests.bench.raw import Connection
from tests.bench.report import Aim, Report, Row
from tests.bench.stats import median, percentile
from tests.bench.subject import Subject
from tests.e2e import images
from vm.host import host

PEER = "OpenSSH -L"
LATENCY = Aim(1.2, at_least=False)
SAVE, LOAD = Aim(2.0, at_least=True), Aim(1.0, at_least=True)

CALLS = 200
"""Calls of each kind on each way."""

BLOCK = 20
"""Calls before it is the other way's turn."""

MIB = 128
"""Size of the image that is saved and loaded; it cannot be compressed."""

ROUNDS = 2

Way = Callable[[Path], float]


def measure_latency(subject: Subject, report: Report, say: Callable[[str], None]) -> None:
    """``/_ping`` and ``/containers/json``: on a connection each, as the docker command does, and on one kept."""
    with tunnel(subject.login(), subject.home / "l.sock") as peer:
        for name, target in (("_ping", "/_ping"), ("ps", "/containers/json?all=1")):
            say(f"latency: {name}, new connections")
            _add_latency(report, f"{name}, new connection", _turns(_fresh(target), subject.socket, peer))
        say("latency: kept connection")
        with Connection(subject.socket) as ours, Connection(peer) as theirs:
            kept = {subject.socket: ours, peer: theirs}

            def call(path: Path) -> float:
                began = time.perf_counter()
                kept[path].ask("GET", "/_ping")
                return time.perf_counter() - began

            _add_latency(report, "_ping, kept connection", _turns(call, subject.socket, peer))


def measure_throughput(subject: Subject, report: Report, say: Callable[[str], None]) -> None:
    """``save`` and ``load`` of one image, and a container's output as it comes."""
    archive = subject.home / "image.tar"
    _make_image(subject.home, archive)
    with tunnel(subject.login(), subject.home / "l.sock") as peer:
        with Connection(subject.socket) as connection:
            connection.upload("/images/load?quiet=1", archive)  # so that the measured loads meet the same layers
        ways: dict[str, tuple[Way, Aim]] = {
            "save": (_save, SAVE),
            "load": (lambda path: _load(path, archive), LOAD),
        }
        for name, (way, aim) in ways.items():
            say(f"throughput: {name} of {MIB} MiB, {ROUNDS} rounds")
            way(subject.socket)
            ours, theirs = [], []
            for _ in range(ROUNDS):
                ours.append(way(subject.socket))
                theirs.append(way(peer))
            report.rows.append(
                Row(
                    "throughput",
                    name,
                    "MB/s",
                    median(ours),
                    median(theirs),
                    PEER,
                    aim,
                    our_samples=ours,
                    their_samples=theirs,
                )
            )


def _turns(call: Way, ours: Path, theirs: Path) -> tuple[list[float], list[float]]:
    """Milliseconds of each call on both ways, block by block."""
    found: dict[Path, list[float]] = {ours: [], theirs: []}
    for path in (ours, theirs):
        call(path)
    for number in range(CALLS // BLOCK):
        for path in (ours, theirs) if number % 2 else (theirs, ours):
            found[path] += [call(path) * 1000 for _ in range(BLOCK)]
    return found[ours], found[theirs]


def _fresh(target: str) -> Way:
    def call(path: Path) -> float:
        began = time.perf_counter()
        with Connection(path) as connection:
            connection.ask("GET", target)
        return time.perf_counter() - began

    return call


def _add_latency(report: Report, name: str, samples: tuple[list[float], list[float]]) -> None:
    ours, theirs = samples
    for percent in (50, 99):
        report.rows.append(
            Row(
                "latency",
                f"{name}, p{percent}",
                "ms",
                percentile(ours, percent),
                percentile(theirs, percent),
                PEER,
                LATENCY,
                our_samples=ours,
                their_samples=theirs,
            )
        )


def _make_image(folder: Path, archive: Path) -> None:
    layer = folder / "layer.tar"
    images.write_random_layer(layer, MIB, seed=1)
    images.write_archive(archive, layer, host().arch.value, "bench:latest")
    layer.unlink()


def _save(path: Path) -> float:
    began = time.perf_counter()
    with Connection(path) as connection:
        size = connection.download("/images/bench:latest/get")
    return size / 1e6 / (time.perf_counter() - began)


def _load(path: Path, archive: Path) -> float:
    with Connection(path) as connection:
        connection.ask("DELETE", "/images/bench:latest?force=1")
    began = time.perf_counter()
    with Connection(path) as connection:
        connection.upload("/images/load?quiet=1", archive)
    return archive.stat().st_size / 1e6 / (time.perf_counter() - began)
