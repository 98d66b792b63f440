"""Windows' own programs that the setup runs, and what their exit codes say: the one place that runs them."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from typing import Protocol

from desktop.settings.validation import reason
from vm.errors import HostError
from vm.host.programs import NO_WINDOW

RESTART_NEEDED = 3010
"""ERROR_SUCCESS_REBOOT_REQUIRED (winerror.h)."""

SECONDS = 1800.0
"""For one program; DISM takes minutes."""


class Run(Protocol):
    """Runs a program to its end."""

    def __call__(self, *argv: str) -> tuple[int, str]:
        """Its exit code and what it printed. :raise OSError: it cannot be started."""
        ...


def run(*argv: str, seconds: float = SECONDS) -> tuple[int, str]:
    """Run a program of Windows'. :raise OSError: it cannot be started, or does not end in time."""
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds,
            check=False,
            creationflags=NO_WINDOW,
        )
    except subprocess.TimeoutExpired as error:
        raise OSError(f"{argv[0]} does not end") from error
    return done.returncode, done.stdout.decode(errors="replace")


class Commands:
    """:param run: runs a program."""

    def __init__(self, run: Run = run) -> None:
        self._run = run

    def need(self, what: str, *argv: str, harmless: Sequence[int] = ()) -> int:
        """Run a program that has to succeed; its exit code.

        :param what: completes “Slipway could not …”.    :param harmless: other codes that are as good as 0.
        :raise HostError: it has not.
        """
        code, said = self._done(what, *argv)
        if code in (0, *harmless, *(one & 0xFF for one in harmless)):  # Wine keeps eight bits
            return code
        raise HostError(f"Slipway could not {what} (error {code})", "", f"{subprocess.list2cmdline(argv)}\n{said}")

    def need_valid(self, program: str, file: str) -> None:
        """Have dockerd look at a daemon.json. :raise HostError: it would not start with that, and says why."""
        code, said = self._done("check its settings", program, "--validate", "--config-file", file)
        if code != 0:
            raise HostError(
                f"dockerd refuses these settings: {reason(said.strip())}", "Nothing was changed.", said
            )

    def _done(self, what: str, *argv: str) -> tuple[int, str]:
        try:
            return self._run(*argv)
        except OSError as error:
            raise HostError(f"Slipway could not {what}: {argv[0]} does not run", "", str(error)) from error
