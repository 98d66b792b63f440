"""The commands ``diagnose``, ``reset`` and ``completion``."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from desktop.cli.output import as_json, follow, size
from desktop.cli.session import run
from desktop.cli.signals import surviving_hangup
from desktop.control.bundle import have_bundle, save_bundle
from desktop.control.client import ControlClient, own_paths
from desktop.control.schema import BundleFile, Check, ResetLevel

COMPLETE_VARIABLE = "_SLIPWAY_COMPLETE"

KEEP_IMAGES = (
    "Warning: --keep-images is now called --keep-system-image. It keeps the system image that the machine boots "
    "from. Your own images are deleted, as are containers and volumes."
)
"""What the former name promised to some."""


@click.command()
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
@click.option(
    "--bundle",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Save a support bundle (checks, status, settings, logs) to this ZIP file, without secrets.",
)
@click.option("--show", is_flag=True, help="Print the contents of the support bundle instead of saving it.")
@click.pass_context
def diagnose(ctx: click.Context, json_: bool, bundle: Path | None, show: bool) -> None:
    """Check everything that Slipway needs, and print fixes for what is wrong.

    Exit code: 0 if no check failed, otherwise 1. With --bundle: 0 if the bundle was saved.
    """
    if bundle is not None or show:
        _bundle(asyncio.run(_collect()), None if show else bundle)
        return
    checks = run(lambda client: client.diagnose())
    if json_:
        as_json(checks)
    else:
        for check in checks:
            _show(check)
    ctx.exit(int(any(check.passed is False for check in checks)))


async def _collect() -> list[BundleFile]:
    async with ControlClient(own_paths()) as client:
        return await have_bundle(client)


def _bundle(files: list[BundleFile], path: Path | None) -> None:
    for file in files:
        if path is None:
            click.echo(f"{click.style(f'── {file.name}', bold=True)}\n{file.text}")
        else:
            click.echo(f"{size(len(file.text.encode())):>9}  {file.name}", err=True)
    if path is not None:
        save_bundle(path, files)
        click.echo(
            f"Saved {len(files)} files to {path}. Passwords, tokens and keys were removed. Nothing was sent."
        )


def _show(check: Check) -> None:
    mark = {True: click.style("✓", fg="green"), False: click.style("✗", fg="red"), None: "·"}[check.passed]
    click.echo(f"{mark} {click.style(check.description, bold=check.passed is False)}: {check.found}")
    if check.fix:
        click.echo(f"    → {check.fix}")


@click.command()
@click.option("--settings-only", is_flag=True, help="Only reset all settings to their defaults.")
@click.option(
    "--keep-system-image",
    is_flag=True,
    help="Keep the settings and the machine's system image, so that the next start is fast. "
    "Your containers, images and volumes are deleted.",
)
@click.option("--keep-images", is_flag=True, hidden=True, help="The former name of --keep-system-image.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def reset(settings_only: bool, keep_system_image: bool, keep_images: bool, yes: bool) -> None:
    """Delete all containers, images, volumes and settings.

    Lists everything that will be deleted, and asks for confirmation.
    """
    if keep_images:
        click.echo(KEEP_IMAGES, err=True)
    keep = keep_system_image or keep_images
    if settings_only and keep:
        raise click.UsageError("--keep-system-image has no effect with --settings-only, which deletes no images.")
    level = ResetLevel.SETTINGS if settings_only else ResetLevel.DATA if keep else ResetLevel.ALL
    click.echo(run(lambda client: _reset(client, level, yes)))


async def _reset(client: ControlClient, level: ResetLevel, yes: bool) -> str:
    if not yes:
        click.echo("This reset will:")
        for sentence in await client.reset_plan(level):
            click.echo(f"  - {sentence}")
        if not sys.stdin.isatty():
            raise click.UsageError("Not a terminal: pass --yes to confirm.")
        await asyncio.to_thread(click.confirm, "Continue?", abort=True)
    with surviving_hangup():
        outcome = await follow(client.reset(level))
        if level is not ResetLevel.SETTINGS:
            await client.shutdown()
    return outcome


@click.command()
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script for SHELL.

    \b
    bash  add to ~/.bashrc:  eval "$(slipway completion bash)"
    zsh   add to ~/.zshrc:   eval "$(slipway completion zsh)"
    fish  slipway completion fish > ~/.config/fish/completions/slipway.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(ctx.find_root().command, {}, "slipway", COMPLETE_VARIABLE).source())
