"""A terminal that can be closed under a command, as a window manager does with a terminal's window."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import subprocess
import termios
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.e2e.cli import Program

END_SECONDS = 60.0
INTERRUPT = b"\x03"


class Terminal:
    """A pseudo-terminal with a command in it, which is its session's leader. :ivar process: the command."""

    def __init__(self, argv: Sequence[str], environment: dict[str, str]) -> None:
        self._master, inside = pty.openpty()
        self.process = subprocess.Popen(
            argv,
            env={**environment, "TERM": "xterm"},
            stdin=inside,
            stdout=inside,
            stderr=inside,
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        os.close(inside)
        self.shown = b""

    def expect(self, words: str) -> None:
        """Wait until it shows something."""
        while words.encode() not in self.shown:
            self.shown += os.read(self._master, 65536)  # EIO when the command ends without it

    def press(self, keys: bytes) -> None:
        """Type."""
        os.write(self._master, keys)

    def close(self) -> None:
        """Close the window: the kernel sends SIGHUP, and nothing can be written any more. Idempotent."""
        if self._master >= 0:
            os.close(self._master)
            self._master = -1

    def finish(self) -> int:
        """Wait for the command's end; its exit code."""
        return self.process.wait(END_SECONDS)


def _take_terminal() -> None:
    """Be its foreground process, which Ctrl-C ends; a shell starts what is in its background without that."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def terminal(program: Program, *arguments: str, shell: bool = False) -> Iterator[Terminal]:
    """Run a command in a terminal.

    :param shell: below a shell, as a user has it.
    """
    argv = [*program.argv, *arguments]
    made = Terminal(["/bin/sh", "-c", '"$@"; true', "sh", *argv] if shell else argv, program.full_environment)
    try:
        yield made
    finally:
        made.close()
        if made.process.poll() is None:
            made.process.kill()
            made.process.wait()
