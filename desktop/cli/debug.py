"""The command ``debug``: the internal state of the supervisor, for developers and bug reports."""

from __future__ import annotations

import click

from desktop.cli.output import as_json
from desktop.cli.session import run


@click.command()
def debug() -> None:
    """Print the state of Slipway's background process as JSON: its tasks, queues and parts."""
    as_json(run(lambda client: client.debug(), spawn=False))
