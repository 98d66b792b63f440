"""A watcher in a container: a small static program (inotify.c) that prints what the guest's kernel reports."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from tests.e2e.cli import Program
from vm.host import host
from vm.spec import Arch

HERE = Path(__file__).parent
TARGETS = {Arch.AMD64: "x86_64-linux-musl", Arch.ARM64: "aarch64-linux-musl"}

EVENT_SECONDS = 60.0
"""For an event to come; far more than it takes, since it shall fail for its absence only."""


def compile_program(source: str, target: Path) -> Path:
    """Make one of the C programs beside this file, for containers of the host's architecture."""
    compiler = [sys.executable, "-m", "ziglang", "cc", "-target", TARGETS[host().arch]]
    subprocess.run([*compiler, "-static", "-O2", str(HERE / source), "-o", str(target)], check=True)
    target.chmod(0o755)
    return target


class ContainerWatch:
    """Runs the program in a container and reads what it prints; a context manager.

    :param mounts: values of ``-v``.    :param words: the program's arguments.
    """

    def __init__(
        self, docker: Program, image: str, program: Path, mounts: Sequence[str], words: Sequence[str], name: str
    ) -> None:
        options = [f"-v={mount}" for mount in (f"{program}:/inotify:ro", *mounts)]
        # the engine takes a container for stopped when the first thread of its first program ends, hence --init
        run = ("run", "--rm", "--init", "-i", "--name", name)
        self._argv = [*docker.argv, *run, *options, image, "/inotify", *words]
        self._environment = docker.full_environment
        self._lines: queue.Queue[tuple[float, str]] = queue.Queue()
        self.name = name

    def __enter__(self) -> ContainerWatch:
        self._process = subprocess.Popen(
            self._argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=self._environment
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.until(lambda lines: "ready" in lines, 120)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)
        self._reader.join()

    def say(self, word: str) -> None:
        """Have a line printed, after the events that came before."""
        assert self._process.stdin is not None
        self._process.stdin.write(word.encode() + b"\n")
        self._process.stdin.flush()

    def until(self, enough: Callable[[list[str]], bool], seconds: float = EVENT_SECONDS) -> list[str]:
        """The lines that come until ``enough``.

        :raise AssertionError: they do not come in time.
        """
        lines: list[str] = []
        end = time.monotonic() + seconds
        while not enough(lines):
            try:
                lines.append(self.next(end - time.monotonic())[1])
            except queue.Empty:
                raise AssertionError(f"after {seconds:g} s there is only {lines}") from None
        return lines

    def next(self, seconds: float) -> tuple[float, str]:
        """One line and when it came (``time.monotonic``). :raise queue.Empty: there is none in time."""
        return self._lines.get(timeout=max(0.0, seconds))

    def quiet(self, seconds: float) -> list[str]:
        """What comes within so many seconds, which ought to be nothing."""
        lines: list[str] = []
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            try:
                lines.append(self.next(left)[1])
            except queue.Empty:
                break
        return lines

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stdout:
            for line in stdout:
                self._lines.put((time.monotonic(), line.decode().rstrip("\n")))
