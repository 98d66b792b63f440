"""diagnose, reset and completion."""

from __future__ import annotations

import asyncio
import sys

import click
from click.shell_completion import get_completion_class

from desktop.cli.output import as_json, follow
from desktop.control.client import ControlClient
from desktop.control.schema import Check

COMPLETE_VARIABLE = "_SLIPWAY_COMPLETE"


@click.command()
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
@click.pass_context
def diagnose(ctx: click.Context, json_: bool) -> None:
    """Check everything Slipway needs and say how to mend what is wrong.

    Exit code: 0 when all checks passed, 1 when one failed.
    """
    checks = asyncio.run(_diagnose())
    if json_:
        as_json(checks)
    else:
        for check in checks:
            _show(check)
    ctx.exit(int(any(check.passed is False for check in checks)))


async def _diagnose() -> list[Check]:
    async with await ControlClient.connect() as client:
        return await client.diagnose()


def _show(check: Check) -> None:
    mark = {True: click.style("✓", fg="green"), False: click.style("✗", fg="red"), None: "·"}[check.passed]
    click.echo(f"{mark} {click.style(check.description, bold=check.passed is False)}: {check.found}")
    if check.fix:
        click.echo(f"    → {check.fix}")


@click.command()
@click.option(
    "--keep-images", is_flag=True, help="Keep the machine's system images, so that the next start is quick."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
def reset(keep_images: bool, yes: bool) -> None:
    """Delete all containers, images and volumes, and begin anew.

    What goes is named first. The settings stay.
    """
    asyncio.run(_reset(keep_images, yes))


async def _reset(keep_images: bool, yes: bool) -> None:
    async with await ControlClient.connect() as client:
        if not yes:
            click.echo("A reset will:")
            for sentence in await client.reset_plan(keep_images):
                click.echo(f"  - {sentence}")
            if not sys.stdin.isatty():
                raise click.UsageError("Nobody is there to confirm it. To go on without asking, add --yes.")
            await asyncio.to_thread(click.confirm, "Go on?", abort=True)
        await follow(client.reset(keep_images))
        await client.shutdown()


@click.command()
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script for SHELL.

    bash: eval "$(slipway completion bash)" in ~/.bashrc; zsh: the same in ~/.zshrc;
    fish: slipway completion fish > ~/.config/fish/completions/slipway.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(ctx.find_root().command, {}, "slipway", COMPLETE_VARIABLE).source())
