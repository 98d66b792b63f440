"""The user's own shell in the machine, in the terminal of this process; the supervisor tells the address."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from desktop.control.schema import SshReport
from vm.guest.shell import Entrance, run_shell
from vm.host import own_terminal


def open_shell(report: SshReport, command: Sequence[str]) -> int:
    """Run a command in the machine, or a shell when there is none; the exit code.

    :raise LinkError: the machine cannot be reached.    :raise OSError: the output cannot be written.
    """
    entrance = Entrance(report.host, report.port, report.user, Path(report.key), Path(report.known_hosts))
    in_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    return run_shell(entrance, shlex.join(command) if command else None, own_terminal() if in_terminal else None)
