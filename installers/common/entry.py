"""How a builder of packages begins: with nothing but Python, and then in the checkout's environment."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module

from installers.checkout import environment, system
from installers.checkout.console import StepError, say


def run(package: str) -> int:
    """Run ``main`` of a package's module ``command`` in the checkout's environment; return the exit code."""
    if os.path.realpath(sys.prefix) == os.path.realpath(environment.FOLDER):
        code: int = import_module(f"{package}.command").main()
        return code
    try:
        system.ensure(system.FOR_VENV)
        environment.prepare()
    except StepError as error:
        say(f"\n{error}")
        return 1
    return subprocess.call([environment.program("python"), "-m", package, *sys.argv[1:]])
