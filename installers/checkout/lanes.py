"""All tests in two lanes at once, and one result: ``checks`` needs cores, ``machine`` needs a machine to itself.

``checks`` (static checks, unit tests, the window) runs in several processes and with low priority, so that it
fills only the time that the emulated machine of ``machine`` leaves. What pytest prints goes to a file for each
lane, and line by line, with the lane's name in front, to standard output. The result is read from JUnit XML files.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from installers.checkout import environment
from installers.checkout.coverage_table import coverage_table
from installers.checkout.results import Results, read_known_skips, read_results

TESTS = environment.ROOT / "tests"

NICE = 5
"""How much lower the priority of the lane that can wait is (nice(1)); a third of a share keeps its time limits."""

END_SECONDS = 600.0
"""How long an interrupted lane may take to stop its machines before it is killed."""


@dataclass(frozen=True)
class Lane:
    """One run of pytest.

    :ivar folders: below ``tests``, in the order in which they run.
    :ivar options: options for pytest besides the common ones.
    :ivar can_wait: it gets what processor time the other lane leaves.
    :ivar measured: report which part of the shipped code it runs.
    """

    name: str
    folders: tuple[str, ...]
    options: tuple[str, ...] = ()
    can_wait: bool = False
    measured: bool = False


def checks_options() -> tuple[str, ...]:
    """A process for each core, and two at least, since many tests wait.

    The tests of a file stay together, so that no two use the same ports; static checks, the longest, come first.
    """
    return (f"--numprocesses={max(2, os.cpu_count() or 1)}", "--dist=loadfile", "--no-loadscope-reorder")


CHECKS = ("architecture", "unit", "golden", "gui", "wine", "packages")

LANES = (
    Lane("checks", CHECKS, checks_options(), can_wait=True, measured=True),
    Lane("machine", ("e2e",)),
)

FOLDERS = tuple(folder for lane in LANES for folder in lane.folders)


class RunningLane:
    """A lane's pytest, while it runs and afterwards.

    :param folder: where its output and its results go.
    :param options: more options for pytest.
    :param print_lock: held while a line is printed.
    """

    def __init__(self, lane: Lane, folder: Path, options: Sequence[str], print_lock: threading.Lock) -> None:
        self.lane = lane
        self.output = folder / f"{lane.name}.txt"
        self.xml = folder / f"{lane.name}.xml"
        self.coverage = folder / f"{lane.name}.coverage"
        measuring = ("--cov", "--cov-report=") if lane.measured else ()
        argv = pytest_argv(*lane.options, *measuring, f"--junit-xml={self.xml}", *options)
        self._print_lock = print_lock
        self._begun = time.monotonic()
        self.seconds = 0.0
        nice = shutil.which("nice") if lane.can_wait else None
        self._process = subprocess.Popen(
            [*((nice, "-n", str(NICE)) if nice else ()), *argv, *(str(TESTS / name) for name in lane.folders)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env={**os.environ, "PYTHONUNBUFFERED": "1", "COVERAGE_FILE": str(self.coverage)},
            start_new_session=lane.can_wait,  # Linux shares time between sessions, see share_less
        )
        if lane.can_wait:
            share_less(self._process.pid)
        self._reader = threading.Thread(target=self._copy_output, name=lane.name)
        self._reader.start()

    def _copy_output(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines, self.output.open("w", encoding="utf-8") as file:
            for line in lines:
                file.write(line)
                file.flush()
                with self._print_lock:
                    print(f"{self.lane.name:7} | {line.rstrip()}", flush=True)
        self.seconds = time.monotonic() - self._begun

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; return pytest's exit code.

        :raise subprocess.TimeoutExpired: it has not ended within ``timeout`` seconds.
        """
        code = self._process.wait(timeout)
        self._reader.join()
        return code

    def interrupt(self) -> None:
        """End it as Ctrl-C would, so that its fixtures stop their machines; kill it when that takes too long."""
        if self._process.poll() is None and self.lane.can_wait:  # a terminal's Ctrl-C reaches only its own session
            self._process.send_signal(signal.SIGINT)
        try:
            self.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self.wait()


def share_less(pid: int) -> None:
    """Lower the priority of a process that leads a session of its own, among sessions.

    Where Linux shares processor time between sessions first (autogroups, sched(7)), a nice value by itself counts
    only inside its session.
    """
    with contextlib.suppress(OSError):  # a system without autogroups
        Path(f"/proc/{pid}/autogroup").write_text(str(NICE), encoding="utf-8")


def pytest_argv(*options: str) -> list[str]:
    """The command line of pytest in the virtual environment, with our configuration."""
    return [
        str(environment.program("python")),
        "-m",
        "pytest",
        "-c",
        str(environment.ROOT / "pyproject.toml"),
        *options,
    ]


def run_lanes(options: Sequence[str] = ()) -> int:
    """Run all lanes at once and print one summary; the last line counts what passed, failed and was skipped.

    :param options: options for pytest in every lane.
    :return: 0 when everything passed and no more was skipped than is known, else 1.
    """
    folder = Path(tempfile.mkdtemp(prefix="slipway-tests-"))
    print(f"Each lane's output, when it has ended and meanwhile: {folder}/*.txt", flush=True)
    lock = threading.Lock()
    running = [RunningLane(lane, folder, options, lock) for lane in LANES]
    try:
        codes = [lane.wait() for lane in running]
    except KeyboardInterrupt:
        for lane in running:
            lane.interrupt()
        raise
    results = Results()
    print()
    for lane in running:
        if lane.lane.measured:
            print(*coverage_table(lane.coverage), "", sep="\n")
    for lane, code in zip(running, codes, strict=True):
        found = read_results(lane.xml, lane.lane.name, code)
        minutes, seconds = divmod(round(lane.seconds), 60)
        print(f"{lane.lane.name}: {found.counts()} in {minutes} min {seconds} s; {found.slowest()}")
        results += found
    results.check_skips(read_known_skips(TESTS / "known_skips.toml"))
    for line in results.report():
        print(line)
    if not results.failed:
        shutil.rmtree(folder)
    print(results.counts())
    sys.stdout.flush()
    return 1 if results.failed else 0
