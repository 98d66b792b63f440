"""The way in: latency and throughput through the user's socket, in turns with others.

They are OpenSSH's ``-L``, and an engine that listens on TCP behind QEMU's ``hostfwd``.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from tests.bench import hostfwd
from tests.bench.attempts import Say, attempt
from tests.bench.hostfwd import bare_engine
from tests.bench.openssh import tunnel
from tests.bench.raw import Connection, Place
from tests.bench.report import Aim, Report, Row
from tests.bench.sizes import Sizes
from tests.bench.stats import median, percentile
from tests.bench.subject import Subject
from tests.e2e import images
from vm.host import host

NEW, KEPT = Aim(1.0, at_least=False), Aim(1.2, at_least=False)
SAVE, LOAD, BARE_SAVE = Aim(2.0, at_least=True), Aim(1.0, at_least=True), Aim(1.0, at_least=True)

Way = Callable[[Place], float]


@dataclass(frozen=True)
class Peer:
    """:ivar reach: opens the way for as long as the block runs; :ivar new, kept, save, load: what is aimed at."""

    name: str
    reach: Callable[[], contextlib.AbstractContextManager[Place]]
    new: Aim | None = None
    kept: Aim | None = None
    save: Aim | None = None
    load: Aim | None = None


def _peers(subject: Subject) -> tuple[Peer, ...]:
    """The two of them; for the second the engine is started again."""
    login = subject.login()
    return (
        Peer("OpenSSH -L", lambda: tunnel(login, subject.home / "l.sock"), NEW, KEPT, SAVE, LOAD),
        Peer(hostfwd.PEER, lambda: bare_engine(login), save=BARE_SAVE),
    )


def measure_latency(subject: Subject, report: Report, sizes: Sizes, say: Say) -> None:
    """``/_ping`` and ``/containers/json``: on a connection each, as the docker command does, and on one kept."""
    for peer in _peers(subject):
        attempt(f"latency beside {peer.name}", partial(_latency, subject, peer, report, sizes, say), report, say)


def _latency(subject: Subject, peer: Peer, report: Report, sizes: Sizes, say: Say) -> None:
    with peer.reach() as place:
        for name, target in (("_ping", "/_ping"), ("ps", "/containers/json?all=1")):
            say(f"latency: {name}, new connections, beside {peer.name}")
            samples = _turns(_fresh(target), subject.socket, place, sizes)
            _add_latency(report, f"{name}, new connection", samples, peer, peer.new)
        say(f"latency: kept connection, beside {peer.name}")
        with Connection(subject.socket) as ours, Connection(place) as theirs:
            kept: dict[Place, Connection] = {subject.socket: ours, place: theirs}
            samples = _turns(_on(kept), subject.socket, place, sizes)
            _add_latency(report, "_ping, kept connection", samples, peer, peer.kept)


def measure_throughput(subject: Subject, report: Report, sizes: Sizes, say: Say) -> None:
    """``save``, ``export`` and ``load`` of one image, which cannot be compressed."""
    archive = subject.home / "image.tar"
    _make_image(subject.home, archive, sizes.image_mib)
    with Connection(subject.socket) as connection:
        connection.upload("/images/load?quiet=1", archive)  # so that the measured loads meet the same layers
    for peer in _peers(subject):
        measure = partial(_throughput, subject, peer, archive, report, sizes, say)
        attempt(f"throughput beside {peer.name}", measure, report, say)


def _throughput(subject: Subject, peer: Peer, archive: Path, report: Report, sizes: Sizes, say: Say) -> None:
    ways: tuple[tuple[str, Way, Aim | None], ...] = (
        ("save", _save, peer.save),
        ("export", _export, peer.save),
        ("load", lambda place: _load(place, archive), peer.load),
    )
    with peer.reach() as place:
        for name, way, aim in ways:
            say(f"throughput: {name} of {sizes.image_mib} MiB, {sizes.image_rounds} rounds, beside {peer.name}")
            way(subject.socket)
            ours, theirs = [], []
            for _ in range(sizes.image_rounds):
                ours.append(way(subject.socket))
                theirs.append(way(place))
            row = Row("throughput", name, "MB/s", median(ours), median(theirs), peer.name, aim)
            report.rows.append(replace(row, our_samples=ours, their_samples=theirs))


def _turns(call: Way, ours: Place, theirs: Place, sizes: Sizes) -> tuple[list[float], list[float]]:
    """Milliseconds of each call on both ways, block by block."""
    found: dict[Place, list[float]] = {ours: [], theirs: []}
    for place in (ours, theirs):
        call(place)
    for number in range(sizes.calls // sizes.block):
        for place in (ours, theirs) if number % 2 else (theirs, ours):
            found[place] += [call(place) * 1000 for _ in range(sizes.block)]
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


def _make_image(folder: Path, archive: Path, mib: int) -> None:
    layer = folder / "layer.tar"
    images.write_random_layer(layer, mib, seed=1)
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
