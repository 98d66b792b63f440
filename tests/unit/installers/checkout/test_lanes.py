"""Two lanes at once: their output, one result, and what an interrupt leaves."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from installers.checkout import lanes
from installers.checkout.lanes import Lane, RunningLane
from tests.architecture.sources import ROOT

OPTIONS = ("-p", "no:cacheprovider")


@pytest.fixture
def tests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two folders of tests, a lane for each; the second waits for the first, so both have to run at once."""
    for name in ("quick", "real"):
        (tmp_path / name).mkdir()
    started = tmp_path / "started"
    (tmp_path / "quick" / "test_quick.py").write_text(
        f"import os, pathlib\ndef test_quick(): pathlib.Path({str(started)!r}).write_text(str(os.nice(0)))\n"
    )
    (tmp_path / "real" / "test_real.py").write_text(
        "import os, pathlib, time\ndef test_real():\n"
        f"    while not pathlib.Path({str(started)!r}).exists(): time.sleep(0.05)\n"
    )
    (tmp_path / "known_skips.toml").write_text('[slow]\nreason = "slow: "\ncount = 1\n')
    monkeypatch.setattr(lanes, "TESTS", tmp_path)
    quick = Lane("quick", ("quick",), OPTIONS, can_wait=True)
    monkeypatch.setattr(lanes, "LANES", (quick, Lane("real", ("real",), OPTIONS)))
    return tmp_path


def test_both_run_at_once_and_the_last_line_counts(tests: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lanes.run_lanes() == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "2 passed, 0 failed, 0 skipped"
    assert any(line.startswith("quick   | ") for line in lines)
    assert any(line.startswith("real    | ") for line in lines)
    assert int((tests / "started").read_text()) == os.nice(0) + lanes.LOW_PRIORITY


BAD = """
import pytest
def test_bad(): assert False
@pytest.mark.skip(reason="slow: an hour")
def test_slow(): pass
@pytest.mark.skip(reason="new")
def test_new(): pass
"""


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        (BAD, "2 passed, 2 failed, 2 skipped"),
        ("import os\ndef test_dies(): os._exit(3)", "1 passed, 1 failed, 0 skipped"),
    ],
)
def test_what_is_wrong_in_one_lane_counts(
    text: str, counted: str, tests: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A failure, a skip that is not known, and a lane that gives no results."""
    (tests / "real" / "test_more.py").write_text(text)
    assert lanes.run_lanes() == 1
    assert capsys.readouterr().out.splitlines()[-1] == counted


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Programs started here end at Ctrl-C, even if a shell has started these tests in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupted_lane_runs_its_fixtures_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that a fixture has started is stopped by it."""
    began, ended = tmp_path / "began", tmp_path / "ended"
    (tmp_path / "long").mkdir()
    (tmp_path / "long" / "test_long.py").write_text(
        "import pathlib, pytest, time\n@pytest.fixture\ndef machine():\n"
        f"    pathlib.Path({str(began)!r}).touch()\n    yield\n    pathlib.Path({str(ended)!r}).touch()\n"
        "def test_long(machine): time.sleep(600)\n"
    )
    monkeypatch.setattr(lanes, "TESTS", tmp_path)
    running = RunningLane(Lane("long", ("long",), OPTIONS, can_wait=True), tmp_path, (), threading.Lock())
    waited = threading.Event()
    while not began.exists():
        waited.wait(0.05)
    running.interrupt()
    assert ended.exists()


def test_every_folder_of_tests_is_in_a_lane() -> None:
    folders = {path.parent for path in (ROOT / "tests").rglob("test_*.py")}
    tops = {folder.relative_to(ROOT / "tests").parts[0] for folder in folders}
    assert tops <= set(lanes.FOLDERS)
