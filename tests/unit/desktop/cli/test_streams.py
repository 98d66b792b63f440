"""Output that cannot be written: no traceback, but one sentence and an exit code, as POSIX tools have it."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from desktop.cli.streams import EXIT_READER_GONE

SLIPWAY = (sys.executable, "-m", "desktop.cli")
ROOT = Path(__file__).parents[4]

SHORT = ("--version",)
LONG = ("settings", "describe", "--json")  # more than a buffer
QUERIES = (SHORT, ("--help",), ("help", "settings", "set"), ("version",), ("completion", "bash"), LONG)


@pytest.fixture(autouse=True)
def unused_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPWAY_HOME", str(tmp_path))


def run(words: tuple[str, ...], redirected: str = "", **streams: int) -> subprocess.CompletedProcess[str]:
    """Run a command with its streams redirected by a shell."""
    argv = ["/bin/sh", "-c", f'exec "$@" {redirected}', "sh", *SLIPWAY, *words]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    return subprocess.run(argv, text=True, cwd=ROOT, check=False, timeout=60, **pipes)  # type: ignore[call-overload, no-any-return]  # keywords from a dict


@contextmanager
def pipe_without_reader() -> Iterator[int]:
    """The writing end of a pipe whose reader has ended."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


@contextmanager
def terminal_that_was_closed() -> Iterator[int]:
    """A terminal whose window has been closed."""
    master, terminal = pty.openpty()
    os.close(master)
    yield terminal
    os.close(terminal)


@pytest.mark.parametrize("words", QUERIES, ids=" ".join)
@pytest.mark.parametrize(
    ("redirected", "reason"), [(">/dev/full", "No space left on device"), (">&-", "Bad file descriptor")]
)
def test_output_that_cannot_be_written(words: tuple[str, ...], redirected: str, reason: str) -> None:
    done = run(words, redirected)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"Error: The output cannot be written: {reason}\n"


@pytest.mark.parametrize("words", QUERIES, ids=" ".join)
def test_a_reader_that_has_gone(words: tuple[str, ...]) -> None:
    with pipe_without_reader() as writing:
        done = run(words, stdout=writing)
    assert (done.returncode, done.stderr) == (EXIT_READER_GONE, "")


def test_a_terminal_that_has_gone() -> None:
    with terminal_that_was_closed() as terminal:
        done = run(LONG, stdout=terminal)
        assert done.returncode == 1
        assert done.stderr == "Error: The output cannot be written: Input/output error\n"
        assert run(LONG, stdout=terminal, stderr=terminal).returncode == 1


@pytest.mark.parametrize("redirected", ["2>/dev/full", "2>&-", "<&-"])
def test_what_is_not_output_ends_nothing(redirected: str) -> None:
    done = run(SHORT, redirected)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("slipway ")
    failed = run(("strat",), redirected)
    assert failed.returncode == 2
    assert ("strat" in failed.stderr) is redirected.startswith("<")


def test_nothing_is_left_to_write_to(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(SHORT, "<&- >&- 2>&-").returncode == 1
    monkeypatch.setenv("SLIPWAY_HOME", str(home))  # a supervisor is started, and ended with this home
    monkeypatch.setenv("SLIPWAY_FAKE", "empty")
    assert run(("reset",), "<&- >&- 2>&-").returncode != 0


def test_without_output_nothing_can_fail() -> None:
    """As coreutils have it: a device is full for those who write to it."""
    assert run(("debug",), ">/dev/full").returncode == 3
