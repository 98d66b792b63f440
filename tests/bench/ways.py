"""The way in: latency and throughput through the user's socket, in turns with others.

They are OpenSSH's ``-L``, and an engine that listens on TCP behind QEMU's ``hostfwd``.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

from tests.bench import hostfwd
from tests.bench.hostfwd import bare_engine
from tests.bench.openssh import tunnel
from tests.bench.raw import Connection, Place
from tests.bench.report import Aim, Report, Row
from tests.bench.stats import median, percentile
from tests.bench.subject import Subject
from tests.e2e import images
from vm.host import host

NEW, KEPT = Aim(1.0, at_least=False), Aim(1.2, at_least=False)
SAVE, LOAD, BARE_SAVE = Aim(2.0, at_least=True), Aim(1.0, at_least=True), Aim(1.0, at_least=True)

CALLS = 200
"""Calls of each kind on each way."""

BLOCK = 20
"""Calls before it is the other way's turn."""

MIB = 128
"""Size of the image that is saved and loaded; it cannot be compressed."""

ROUNDS = 2

Way = Callable[[Place], float]


@dataclass(frozen=True)
class Peer:
    """:ivar new, kept, save, load: what is aimed at beside it."""

    name: str
    place: Place
    new: Aim | None = None
    kept: Aim | None = None
    save: Aim | None = None
    load: Aim | None = None


def _peers(subject: Subject) -> Generator[Peer]:
    """One after the other: for the second the engine is started anew."""
    with tunnel(subject.login(), subject.home / "l.sock") as place:
        yield Peer("OpenSSH -L", place, NEW, KEPT, SAVE, LOAD)
    with bare_engine(subject.login()) as port:
        yield Peer(hostfwd.PEER, port, save=BARE_SAVE)


def measure_latency(subject: Subject, report: Report, say: Callable[[str], None]) -> None:
    """``/_ping`` and ``/containers/json``: on a connection each, as the docker command does, and on one kept."""
    with contextlib.closing(_peers(subject)) as peers:
        for peer in peers:
            for name, target in (("_ping", "/_ping"), ("ps", "/containers/json?all=1")):
                say(f"latency: {name}, new connections, beside {peer.name}")
                samples = _turns(_fresh(target), subject.socket, peer.place)
                _add_latency(report, f"{name}, new connection", samples, peer, peer.new)
            say(f"latency: kept connection, beside {peer.name}")
            with Connection(subject.socket) as ours, Connection(peer.place) as theirs:
                kept: dict[Place, Connection] = {subject.socket: ours, peer.place: theirs}
                samples = _turns(_on(kept), subject.socket, peer.place)
                _add_latency(report, "_ping, kept connection", samples, peer, peer.kept)


def measure_throughput(subject: Subject, report: Report, say: Callable[[str], None]) -> None:
    """``save``, ``export`` and ``load`` of one image."""
    archive = subject.home / "image.tar"
    _make_image(subject.home, archive)
    with Connection(subject.socket) as connection:
        connection.upload("/images/load?quiet=1", archive)  # so that the measured loads meet the same layers
    with contextlib.closing(_peers(subject)) as peers:
        for peer in peers:
            ways: tuple[tuple[str, Way, Aim | None], ...] = (
                ("save", _save, peer.save),
                ("export", _export, peer.save),
                ("load", lambda place: _load(place, archive), peer.load),
            )
            for name, way, aim in ways:
                say(f"throughput: {name} of {MIB} MiB, {ROUNDS} rounds, beside {peer.name}")
                way(subject.socket)
                ours, theirs = [], []
                for _ in range(ROUNDS):
                    ours.append(way(subject.socket))
                    theirs.append(way(peer.place))
                report.rows.append(
                    Row(
                        "throughput",
                        name,
                        "MB/s",
                        median(ours),
                        median(theirs),
                        peer.name,
                        aim,
                        our_samples=ours,
                        their_samples=theirs,
                    )
                )


def _turns(call: Way, ours: Place, theirs: Place) -> tuple[list[float], list[float]]:
    """Milliseconds of each call on both ways, block by block."""
    found: dict[Place, list[float]] = {ours: [], theirs: []}
    for place in (ours, theirs):
        call(place)
    for number in range(CALLS // BLOCK):
        for place in (ours, theirs) if number % 2 else (theirs, ours):
            found[place] += [call(place) * 1000 for _ in range(BLOCK)]
    return found[ours], found[theirs]


def _fresh(target: str) -> Way:
    def call(place: Place) -> float:
        began = time.perf_counter()
        with Connection(place) as connection:
            connection.ask("GET", target)
        return time.perf_counter() - began

    return call


def _on(kept: dict[Place, Connection]) -> Way:
    def call(place: Place) -> float:
        began = time.perf_counter()
        kept[place].ask("GET", "/_ping")
        return time.perf_counter() - began

    return call


def _add_latency(
    report: Report, name: str, samples: tuple[list[float], list[float]], peer: Peer, aim: Aim | None
) -> None:
    ours, theirs = samples
    for percent in (50, 99):
        report.rows.append(
            Row(
                "latency",
                f"{name}, p{percent}",
                "ms",
                percentile(ours, percent),
                percentile(theirs, percent),
                peer.name,
                aim,
                our_samples=ours,
                their_samples=theirs,
            )
        )


def _make_image(folder: Path, archive: Path) -> None:
    layer = folder / "layer.tar"
    images.write_random_layer(layer, MIB, seed=1)
    images.write_archive(archive, layer, host().arch.value, "bench:latest")
    layer.unlink()


def _save(place: Place) -> float:
    began = time.perf_counter()
    with Connection(place) as connection:
        size = connection.download("/images/bench:latest/get")
    return size / 1e6 / (time.perf_counter() - began)


def _export(place: Place) -> float:
    with Connection(place) as connection:
        body = {"Image": "bench:latest", "Cmd": ["never started"]}
        container = f"/containers/{connection.ask_json('POST', '/containers/create', body)['Id']}"
        began = time.perf_counter()
        size = connection.download(f"{container}/export")
        took = time.perf_counter() - began
    with Connection(place) as connection:
        connection.ask("DELETE", container)
    return size / 1e6 / took


def _load(place: Place, archive: Path) -> float:
    with Connection(place) as connection:
        connection.ask("DELETE", "/images/bench:latest?force=1")
    began = time.perf_counter()
    with Connection(place) as connection:
        connection.upload("/images/load?quiet=1", archive)
    return archive.stat().st_size / 1e6 / (time.perf_counter() - began)
