"""The commands ``engine …``, and the switches of the same meaning that Docker Desktop has."""

from __future__ import annotations

from collections.abc import Sequence

import click

from desktop.cli.machine import COLOURS, follow_cancellable
from desktop.cli.output import as_json, follow, labelled, table
from desktop.cli.session import run
from desktop.cli.signals import surviving_hangup
from desktop.control.client import ControlClient
from desktop.control.schema import EngineState
from vm.errors import EngineError

OTHER = "other"
"""Instead of a name: the one that is not in use."""


@click.group()
def engine() -> None:
    """Choose between Linux and Windows containers."""


@engine.command("list")
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
def engine_list(json_: bool) -> None:
    """List the engines. The star marks the one that docker reaches."""
    found = run(lambda client: client.engines())
    if json_:
        as_json(found)
        return
    rows = [
        (f"{one.name}{' *' if one.in_use else ''}", one.title, _state(one), one.obstacle or _more(one))
        for one in found
    ]
    table(("NAME", "FOR", "STATE", ""), rows)


@engine.command("status")
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
def engine_status(json_: bool) -> None:
    """Show which engine docker reaches, and how both are."""
    found = run(lambda client: client.engines())
    if json_:
        as_json(found)
        return
    lines = [("In use", one.title) for one in found if one.in_use]
    lines += [("Switching to", one.title) for one in found if one.switching]
    for one in found:
        state = click.style(_state(one), fg=COLOURS.get(one.state, "yellow"), bold=True)
        lines.append((one.name.title(), f"{state}  {one.obstacle or _more(one)}".rstrip()))
        if one.hint:
            lines.append(("", one.hint))
    labelled(lines)


@engine.command("use")
@click.argument("name")
def engine_use(name: str) -> None:
    """Switch to the engine NAME, “linux” or “windows”, or to the “other” one.

    Returns when it has answered where docker finds it. If it does not, the one before stays in use. Containers
    of the other engine are stopped, unless the setting keep_engines is on; nothing of it is deleted. Ctrl-C
    cancels the switch.
    """
    with surviving_hangup():
        click.echo(run(lambda client: _switch(client, name)))


async def _switch(client: ControlClient, name: str) -> str:
    if name == OTHER:
        name = other(await client.engines())
    return await follow_cancellable(client, client.use_engine(name), "switch")


@engine.command("setup")
@click.option("--check", is_flag=True, help="Only show what is needed, and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def engine_setup(check: bool, yes: bool) -> None:
    """Set Windows containers up on this Windows. Shows what is needed, and asks first.

    It needs an administrator, and may need a restart of Windows. All of it can be undone: slipway engine remove.
    """
    found = run(lambda client: client.engine_needs())
    for one in found:
        mark = click.style("✓", fg="green") if one.met else click.style("✗", fg="red")
        click.echo(f"{mark} {one.title}{'' if one.met else f': {one.fix}'}")
    if check or all(one.met for one in found):
        return
    if not yes:
        click.confirm("Set Windows containers up?", abort=True, err=True)
    click.echo(run(lambda client: follow(client.install_engine())))


@engine.command("remove")
@click.option("--delete-data", is_flag=True, help="Delete the images, containers and volumes of Windows, too.")
@click.option("--keep-features", is_flag=True, help="Leave the Windows features on that the setup switched on.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def engine_remove(delete_data: bool, keep_features: bool, yes: bool) -> None:
    """Remove the engine of Windows containers, and undo what its setup has changed."""
    if not yes:
        question = "Remove it and delete all its images, containers and volumes?" if delete_data else "Remove it?"
        click.confirm(question, abort=True, err=True)
    click.echo(run(lambda client: follow(client.remove_engine(delete_data, not keep_features))))


def other(engines: Sequence[EngineState]) -> str:
    """The name of the engine that is not in use. :raise EngineError: it cannot be used here."""
    one = next(one for one in engines if not one.in_use)
    if one.obstacle:
        raise EngineError(f"{one.title} cannot be used on this computer: {one.obstacle}", one.hint)
    return one.name


def _state(one: EngineState) -> str:
    return "not available" if one.obstacle else one.state.value


def _more(one: EngineState) -> str:
    return "" if one.summary.lower() == one.state.value else one.summary
