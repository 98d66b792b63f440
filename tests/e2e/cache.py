"""What tests fetch once and keep in Slipway's cache, under a name that changes with what it is made from."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from vm.host import host


def made_once(name: str, make: Callable[[Path], None]) -> Path:
    """A folder in the cache, which ``make`` makes first, at the path it is given, when it is not there."""
    target = host().paths().cache / "tests" / name
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=target.parent) as work:
            made = Path(work) / "made"
            make(made)
            try:
                made.rename(target)
            except OSError:
                if not target.exists():  # else another run was quicker
                    raise
    return target


def run_to_end(*argv: str | Path) -> None:
    """Run a program that fetches something.

    :raise RuntimeError: it failed; with its last words.
    """
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, argv))}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
