"""Runs programs under test: the docker CLI with a configuration of its own, and ``slipway``.

A failed command raises an AssertionError with everything it printed, because that is what one needs to see.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pexpect

TIMEOUT = 180.0
"""Seconds a command may take; generous, for the machine may be emulated on two busy cores."""


def venv_program(name: str) -> Path:
    """A console script of the environment the tests run in."""
    return Path(sys.executable).parent / name


@dataclass(frozen=True)
class Result:
    """What a command left behind, as text."""

    command: str
    code: int
    out: str
    err: str

    def __str__(self) -> str:
        return f"$ {self.command}\nexit code {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


@dataclass(frozen=True)
class Program:
    """A program with the environment and the first arguments it always gets.

    :ivar seconds: that a command may take, where the test says nothing else.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    seconds: float = TIMEOUT

    @property
    def full_environment(self) -> dict[str, str]:
        """The inherited variables with this program's own."""
        return {**os.environ, **self.environment}

    def run(
        self,
        *arguments: str | Path,
        stdin: str | bytes | IO[Any] | None = None,
        timeout: float | None = None,
    ) -> Result:
        """Run it to its end, whatever the exit code.

        :param stdin: text or bytes to feed, or an open file; nothing (end of file at once) by default.
        """
        argv = [*self.argv, *(str(word) for word in arguments)]
        feed = stdin.encode() if isinstance(stdin, str) else stdin
        done = subprocess.run(
            argv,
            env=self.full_environment,
            input=feed if isinstance(feed, bytes) else None,
            stdin=None if isinstance(feed, bytes) else (feed or subprocess.DEVNULL),
            capture_output=True,
            timeout=timeout or self.seconds,
            check=False,
        )
        out, err = (stream.decode(errors="replace") for stream in (done.stdout, done.stderr))
        return Result(" ".join(argv), done.returncode, out, err)

    def __call__(
        self,
        *arguments: str | Path,
        stdin: str | bytes | IO[Any] | None = None,
        timeout: float | None = None,
    ) -> str:
        """Run it, insist on exit code 0, and return its standard output without the last line's end."""
        result = self.run(*arguments, stdin=stdin, timeout=timeout)
        assert result.code == 0, f"\n{result}"
        return result.out.rstrip("\n")

    def fails(self, *arguments: str | Path, timeout: float | None = None) -> Result:
        """Run it and insist that it fails."""
        result = self.run(*arguments, timeout=timeout)
        assert result.code != 0, f"\n{result}"
        return result

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        """Start it in the background, its standard output and error in one pipe of text lines."""
        return subprocess.Popen(
            [*self.argv, *(str(word) for word in arguments)],
            env=self.full_environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def terminal(self, *arguments: str | Path, rows: int = 30, columns: int = 100) -> pexpect.spawn[str]:
        """Start it under a pseudo-terminal of that size, where Ctrl-C works even if the tests ignore it."""
        return pexpect.spawn(
            self.argv[0],
            [*self.argv[1:], *(str(word) for word in arguments)],
            env={**self.full_environment, "TERM": "xterm"},
            dimensions=(rows, columns),
            timeout=TIMEOUT,
            encoding="utf-8",
            preexec_fn=_heed_interrupts,
        )


def _heed_interrupts() -> None:
    """Undo what a shell does to programs it starts in the background (POSIX sh, “Asynchronous Lists”)."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def finish(terminal: pexpect.spawn[str]) -> int:
    """Wait for a program under a terminal to end by itself; return its exit code."""
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus is not None, f"ended by signal {terminal.signalstatus}"
    return terminal.exitstatus
