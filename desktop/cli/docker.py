"""The commands ``context`` and ``credentials``: Slipway's part in the docker command's configuration."""

from __future__ import annotations

import click

from desktop.cli.output import as_json, labelled
from desktop.cli.session import print_note, run


@click.group()
def context() -> None:
    """Show or change which engine the docker command uses."""


@context.command("show")
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
def context_show(json_: bool) -> None:
    """Show the engine that the docker command uses. Also shows whether it responds."""
    report = run(lambda client: client.context())
    if json_:
        as_json(report)
        return
    lines = [("Context", report.current), ("Engine", report.address or "none")]
    lines.append(("Responds", "yes" if report.answers else "no"))
    if report.override:
        lines.append(("Variable", f"{report.override} overrides the context"))
    labelled(lines)


@context.command("use")
def context_use() -> None:
    """Make Slipway the current context. The previous one is remembered."""
    print_note(run(lambda client: client.use_context()))


@context.command("restore")
def context_restore() -> None:
    """Make the previous context current again."""
    print_note(run(lambda client: client.restore_context()))


@click.group()
def credentials() -> None:
    """Repair the credential helpers in Docker's configuration."""


@credentials.command("repair")
def credentials_repair() -> None:
    """Remove uninstalled credential helpers from Docker's config.json. They are remembered."""
    print_note(run(lambda client: client.change_helpers(True)))


@credentials.command("restore")
def credentials_restore() -> None:
    """Put back the helpers that “repair” has removed."""
    print_note(run(lambda client: client.change_helpers(False)))
