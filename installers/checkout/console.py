"""How the bootstrap speaks: one line a step, details only when a step fails.

Progress goes to standard error, so that what a command prints for others (``docker version``) stays alone on
standard output.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path


class StepError(Exception):
    """A step failed; the message is complete, for the user, and says what to do."""


def say(text: str) -> None:
    """Print one line of progress."""
    print(text, file=sys.stderr, flush=True)


def run_quietly(
    title: str,
    argv: Sequence[str | Path],
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> str:
    """Run a program under one line of progress; its output is shown only when it fails.

    :param environment: variables besides the inherited ones.
    :param folder: where to run it, if not here.
    :return: what it printed, both outputs.
    :raise StepError: it exited with an error or does not exist.
    """
    say(f"· {title}")
    begun = time.monotonic()
    try:
        done = subprocess.run(
            [str(word) for word in argv],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env={**os.environ, **(environment or {})},
            check=False,
        )
    except OSError as error:
        raise StepError(f"{title}: {argv[0]} cannot be started: {error.strerror}") from error
    if done.returncode != 0:
        tail = "\n".join(done.stdout.splitlines()[-40:])
        command = " ".join(str(word) for word in argv)
        raise StepError(f"{title}: failed with exit code {done.returncode}\n  {command}\n{tail}")
    seconds = time.monotonic() - begun
    if seconds >= 2:
        say(f"  done in {seconds:.0f} s")
    return done.stdout
