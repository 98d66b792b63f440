"""The command ``help``."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem


def _complete(ctx: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    root = ctx.find_root()
    assert isinstance(root.command, click.Group)
    return [CompletionItem(name) for name in root.command.list_commands(root) if name.startswith(begun)]


@click.command("help")
@click.argument("command", nargs=-1, shell_complete=_complete)
@click.pass_context
def help_(ctx: click.Context, command: tuple[str, ...]) -> None:
    """Show the help of Slipway, or of COMMAND, for example: slipway help settings set"""
    found = ctx.find_root()
    for word in command:
        if not isinstance(found.command, click.Group):
            raise click.UsageError(f"“{found.command_path}” has no commands below it.", found)
        below = found.command.get_command(found, word)
        if below is None:
            raise click.exceptions.NoSuchCommand(word, ctx=found)
        found = click.Context(below, found, word, **below.context_settings)
    click.echo(found.get_help())
