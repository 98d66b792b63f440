"""Entry point of ``slipway``: runs a command and turns errors into text and exit codes.

0 success · 1 failure · 2 wrong usage · 3 not running · 4 running, but not responding · 130 interrupted
141 the reader of the output has ended · 143 ended by SIGTERM
"""

from __future__ import annotations

import sys

import click

from desktop.cli.group import slipway, with_suggestion
from desktop.cli.output import fail
from desktop.cli.signals import Terminated
from desktop.cli.streams import EXIT_FAILURE, Streams
from vm.errors import UserError

SWITCHES = {"-switchdaemon": "other", "-switchlinuxengine": "linux", "-switchwindowsengine": "windows"}
"""Options of Docker Desktop's ``DockerCli.exe``, in small letters, which scripts have → ``engine use``."""

EXIT_NOT_RUNNING = 3
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143


def main(arguments: list[str] | None = None) -> int:
    """Run ``slipway`` and return its exit code. :param arguments: by default those of this process."""
    streams = Streams()
    try:
        code = _run(translated(sys.argv[1:] if arguments is None else arguments))
    except (OSError, SystemExit) as error:
        if not streams.caused(error):
            raise
        code = EXIT_FAILURE
    return streams.finish(code)


def _run(arguments: list[str]) -> int:
    verbose = any(word in ("-v", "--verbose") for word in arguments[: _options(arguments)])
    try:
        code = slipway.main(arguments, prog_name="slipway", standalone_mode=False)
    except click.ClickException as error:
        with_suggestion(error).show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        return EXIT_INTERRUPTED
    except Terminated:
        return EXIT_TERMINATED
    except UserError as error:
        fail(error, verbose)
        return EXIT_NOT_RUNNING if error.code == "SupervisorAbsent" else EXIT_FAILURE
    return code if isinstance(code, int) else 0


def translated(arguments: list[str]) -> list[str]:
    """The arguments, or what they are called here if they are Docker Desktop's."""
    name = SWITCHES.get(arguments[0].lower()) if len(arguments) == 1 else None
    return ["engine", "use", name] if name is not None else arguments


def _options(arguments: list[str]) -> int:
    """The number of arguments before the command."""
    return next((place for place, word in enumerate(arguments) if not word.startswith("-")), len(arguments))


if __name__ == "__main__":
    raise SystemExit(main())
