"""``python3 -m installers.linux``: by any Python 3.11, in the checkout's environment, which is made first.

The commands are in command.py.
"""

from __future__ import annotations

import os
import subprocess
import sys

from installers.checkout import environment, system
from installers.checkout.console import StepError, say


def main() -> int:
    """Run a command in the checkout's environment; return the exit code."""
    if os.path.realpath(sys.prefix) == os.path.realpath(environment.FOLDER):
        from installers.linux.command import main as run

        return run()
    try:
        system.ensure(system.FOR_VENV)
        environment.prepare()
    except StepError as error:
        say(f"\n{error}")
        return 1
    return subprocess.call([environment.program("python"), "-m", "installers.linux", *sys.argv[1:]])


if __name__ == "__main__":
    raise SystemExit(main())
