#!/usr/bin/env python3
"""From a fresh checkout to a running engine (``run``) or to all tests (``test``), with nothing but Python.

This file only sees to it that a new enough Python goes on: old ones must understand it too, so it stays with what
Python 3.6 knew (hence the quoted annotations). The work is in ``installers/checkout``.
"""

import os
import subprocess
import sys
from pathlib import Path

OLDEST = (3, 11)
"""The oldest Python Slipway runs on; the same as ``requires-python`` in pyproject.toml."""

NEWEST_MINOR = 20
"""The newest minor version of Python 3 looked for on the PATH."""

GUARD = "SLIPWAY_DEV_PYTHON"
"""Set for the Python that was found, so that two old ones cannot call each other without end."""


def is_new_enough(program: str) -> bool:
    """Say whether ``program`` starts and is a Python of at least the oldest version."""
    check = f"import sys; print(sys.version_info >= {OLDEST!r})"
    try:
        return subprocess.check_output([program, "-c", check], stderr=subprocess.DEVNULL).strip() == b"True"
    except (OSError, subprocess.CalledProcessError):
        return False


def find_newer() -> "str | None":
    """Return the name of a new enough Python on the PATH, the newest first, or None."""
    numbered = [f"python3.{minor}" for minor in range(NEWEST_MINOR, OLDEST[1] - 1, -1)]
    for name in [*numbered, "python3", "python"]:
        if is_new_enough(name):
            return name
    return None


def explain() -> None:
    """Print what to do when no Python here is new enough."""
    wanted = ".".join(str(number) for number in OLDEST)
    sys.stderr.write(
        f"Slipway needs Python {wanted} or newer; this is {sys.version.split()[0]} and the PATH has none newer.\n"
        "  Debian, Ubuntu: sudo apt install python3    Fedora: sudo dnf install python3\n"
        "  macOS: brew install python                  Windows: winget install Python.Python.3.13\n"
    )


def main(arguments: "list[str]") -> int:
    """Run the command, in this Python or in a newer one; return the exit code."""
    here = Path(__file__).resolve()
    if sys.version_info >= OLDEST:
        sys.path.insert(0, str(here.parent.parent))
        from installers.checkout.commands import main as run

        return run(arguments)
    newer = None if os.environ.get(GUARD) else find_newer()
    if newer is None:
        explain()
        return 1
    return subprocess.call([newer, str(here), *arguments], env=dict(os.environ, **{GUARD: newer}))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
