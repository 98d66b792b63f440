"""Changes on the host: how long until a watcher in a container has been told, beside what people notice."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tests.bench.attempts import Say
from tests.bench.busybox import docker_of, load_busybox
from tests.bench.report import Aim, Report, Row
from tests.bench.sizes import Sizes
from tests.bench.stats import median, percentile
from tests.bench.subject import Subject
from tests.e2e.cli import Program
from tests.e2e.watching import ContainerWatch, compile_program

PAUSE = 0.1
"""Seconds of quiet between two changes."""

BOUND_MS = 500.0

CALM = 5.0
"""Seconds without a change before many at once."""

MARK = "mark-"
"""Prefix of the names that a watcher of many files reports; to print all would take longer than the rest."""

Change = Callable[[], object]


def measure(subject: Subject, report: Report, sizes: Sizes, say: Say) -> None:
    """From a change to the line that the watcher prints of it, as it arrives here by way of ``docker run -i``."""
    shared = subject.home / "shared"
    watched, other = shared / "watched", shared / "other"
    watched.mkdir(parents=True)
    other.mkdir()
    subject.share(shared)
    docker, image = docker_of(subject), load_busybox(subject)
    program = compile_program("inotify.c", shared / "inotify")
    with ContainerWatch(docker, image, program, [f"{watched}:/w"], ["/w"], "bench-events") as watch:
        say("events: until changes are followed")
        while not watch.quiet(0.5):
            (watched / "file").touch()
        samples: dict[str, list[float]] = {}
        for name, word, change in itertools.islice(_changes(watched), 4 * sizes.changes):
            if len(samples.setdefault(name, [])) == 0:
                say(f"events: {name}, {sizes.changes} times")
            samples[name].append(_delay(watch, word, change))
        back = [_delay(watch, "echo", partial(watch.say, "echo")) for _ in range(sizes.changes)]
    for name, delays in samples.items():
        for percent in (50, 99):
            aim = Aim(1.0, at_least=False)
            figure = percentile(delays, percent)
            report.rows.append(
                Row("events", f"{name}, p{percent}", "ms", figure, BOUND_MS, "the aim", aim, our_samples=delays)
            )
    row = Row("events", "of that: to the container and back, p50", "ms", median(back), our_samples=back)
    report.rows.append(row)
    say(f"events: {sizes.many} files at once")
    words = ["-o", MARK, "/w"]
    mounts = [f"{watched}:/w", f"{other}:/other"]
    with ContainerWatch(docker, image, program, mounts, words, "bench-events") as watch:
        while not watch.quiet(0.5):
            (watched / f"{MARK}{time.monotonic_ns()}").touch()
        began, _, told = _many(watch, watched, watched, sizes.many)
        theirs = _many_by_container(watch, docker, sizes.many)
        name = f"{sizes.many:,} files made at once, until the last is reported"
        report.rows.append(Row("events", name, "s", told - began, theirs, "a container makes them"))
        say(f"events: a change after {sizes.many} others")
        _many(watch, other, watched, sizes.many)
        ours, theirs = (_wait_after_many(watch, folder, watched, sizes.many) for folder in (other, watched))
        name = f"a change after writing to {sizes.many:,} files that no program watches"
        report.rows.append(Row("events", name, "s", ours, theirs, "files that somebody watches"))


def _wait_after_many(watch: ContainerWatch, folder: Path, watched: Path, count: int) -> float:
    watch.quiet(CALM)
    _, written, told = _many(watch, folder, watched, count)
    return told - written


def _many(watch: ContainerWatch, folder: Path, watched: Path, count: int) -> tuple[float, float, float]:
    """Write to as many files, then make one more: when it began, when it was done, and when that one was told."""
    began = time.monotonic()
    mark = f"{MARK}{time.monotonic_ns()}"
    for number in range(count):
        (folder / f"host{number}").write_text(f"{mark}, by the host\n")
    (watched / mark).touch()
    return began, time.monotonic(), _came(watch, f"CREATE {mark}")


def _many_by_container(watch: ContainerWatch, docker: Program, count: int) -> float:
    script = f"""
        : >/w/{MARK}first; i=0
        while [ $i -lt {count} ]; do echo made in a container >/w/container$i; i=$((i+1)); done
        : >/w/{MARK}last"""
    docker("exec", watch.name, "sh", "-c", script)
    first, last = (_came(watch, f"CREATE {MARK}{which}") for which in ("first", "last"))
    return last - first


def _changes(folder: Path) -> Iterator[tuple[str, str, Change]]:
    """Name, the word that reports it, and what to do, without end."""
    for number in itertools.count():
        made, moved = folder / f"made{number}", folder / f"moved{number}"
        yield "create", f"CREATE {made.name}", made.touch
        yield "modify", f"MODIFY {made.name}", partial(made.write_text, "changed")
        yield "move", f"MOVED_TO {moved.name}", partial(made.rename, moved)
        yield "delete", f"DELETE {moved.name}", moved.unlink


def _delay(watch: ContainerWatch, word: str, change: Change) -> float:
    began = time.monotonic()
    change()
    came = _came(watch, word)
    watch.quiet(PAUSE)
    return (came - began) * 1000


def _came(watch: ContainerWatch, word: str) -> float:
    while True:
        came, line = watch.next(120)
        if line.endswith(word):
            return came
