"""Two lanes at once: their output, their result, and an interrupt. Small programs stand in for pytest."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from installers.checkout import lanes
from installers.checkout.lanes import Lane, RunningLane
from tests.architecture.sources import ROOT

PROGRAM = """\
import os, pathlib, sys, time
xml = [word.partition("=")[2] for word in sys.argv if word.startswith("--junit-xml=")][0]
folder = pathlib.Path(sys.argv[-1])
def result(*cases):
    tests = "".join(f'<testcase name="t{at}">{case}</testcase>' for at, case in enumerate(cases))
    pathlib.Path(xml).write_text(f"<testsuites><testsuite>{tests}</testsuite></testsuites>")
def wait(path):
    while not path.exists():
        time.sleep(0.01)
"""
"""What the stand-ins share; ``folder`` is the folder of tests they are given."""

SLOW, NEW = '<skipped message="slow: an hour"/>', '<skipped message="new"/>'


@pytest.fixture
def tests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two folders of tests with a lane each, which ``write`` fills."""
    (tmp_path / "known_skips.toml").write_text('[slow]\nreason = "slow: "\ncount = 1\n')
    (tmp_path / "output").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "output"))  # what a failed run keeps
    monkeypatch.setattr(lanes, "TESTS", tmp_path)
    monkeypatch.setattr(lanes, "LANES", (Lane("quick", ("quick",), can_wait=True), Lane("real", ("real",))))
    monkeypatch.setattr(
        lanes, "pytest_argv", lambda *options: [sys.executable, str(tmp_path / "run.py"), *options]
    )
    (tmp_path / "run.py").write_text(PROGRAM + 'exec((folder / "test.py").read_text())\n')
    write(tmp_path, "quick", "result('')")
    write(tmp_path, "real", "result('')")
    return tmp_path


def write(tests: Path, name: str, program: str) -> None:
    (tests / name).mkdir(exist_ok=True)
    (tests / name / "test.py").write_text(program)


def test_both_run_at_once_and_the_last_line_counts(tests: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each waits for the other; only the one that can wait has a low priority."""
    meet = "(folder / 'nice').write_text(str(os.nice(0))); wait(folder.parent / '{}' / 'nice'); print('met')"
    meet += "; result('')"
    write(tests, "quick", meet.format("real"))
    write(tests, "real", meet.format("quick"))
    assert lanes.run_lanes() == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "2 passed, 0 failed, 0 skipped"
    assert {"quick   | met", "real    | met"} <= set(lines)
    assert (tests / "quick" / "nice").read_text() == str(min(19, os.nice(0) + lanes.NICE))
    assert (tests / "real" / "nice").read_text() == str(os.nice(0))


@pytest.mark.parametrize(
    ("program", "code", "counted"),
    [
        (f"result('', {SLOW!r})", 0, "2 passed, 0 failed, 1 skipped"),
        (f"result('', {SLOW!r}, {SLOW!r})", 1, "2 passed, 1 failed, 2 skipped"),
        (f"result('', {NEW!r})", 1, "2 passed, 1 failed, 1 skipped"),
        ("result('', '<failure message=\"no\"/>'); sys.exit(1)", 1, "2 passed, 1 failed, 0 skipped"),
        ("os._exit(3)", 1, "1 passed, 1 failed, 0 skipped"),
    ],
)
def test_what_one_lane_comes_to_counts(
    program: str, code: int, counted: str, tests: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tests, "real", program)
    assert lanes.run_lanes() == code
    assert capsys.readouterr().out.splitlines()[-1] == counted


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Programs started here end at Ctrl-C, even if a shell has started these tests in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupted_lane_ends_as_by_ctrl_c(tests: Path) -> None:
    """So a machine that a fixture has started is stopped by it."""
    write(
        tests,
        "quick",
        "try:\n    (folder / 'began').touch()\n    time.sleep(600)\n"
        "except KeyboardInterrupt:\n    (folder / 'ended').touch()\n",
    )
    running = RunningLane(lanes.LANES[0], tests, (), threading.Lock())
    waiting = threading.Event()
    while not (tests / "quick" / "began").exists():
        waiting.wait(0.01)
    running.interrupt()
    assert (tests / "quick" / "ended").exists()


def test_every_folder_of_tests_is_in_a_lane() -> None:
    folders = {path.parent for path in (ROOT / "tests").rglob("test_*.py")}
    tops = {folder.relative_to(ROOT / "tests").parts[0] for folder in folders}
    assert tops <= set(lanes.FOLDERS)
