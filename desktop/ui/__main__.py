"""Entry point of the window: ``python -m desktop.ui``."""

from __future__ import annotations

import gc
import sys
from importlib import import_module
from types import ModuleType

from desktop.control.window import REPORT
from desktop.ui.report import Report
from vm.errors import HostError, UserError


def load() -> ModuleType:
    """Import the window; without collecting garbage, since imports make none, and the bridge collects later."""
    gc.disable()
    try:
        return import_module("desktop.ui.app")
    except ImportError as error:
        hint = "Install the library that is missing with your system's package manager."
        raise HostError("Qt, which the window needs, cannot be loaded", hint, str(error)) from error


def run() -> int:
    """Open the window; the exit code."""
    report = Report(wanted=REPORT in sys.argv[1:])
    try:
        return int(load().main(report))
    except UserError as error:
        report.failed(error)
        print(f"{error.message}\n{error.hint}\n{error.detail}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(run())
