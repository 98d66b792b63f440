"""disk, image, context and credentials: what is looked after now and then."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import click

from desktop.cli.output import announce, as_json, facts, follow, size, table
from desktop.control.client import ControlClient
from desktop.control.schema import DiskReport, Note

T = TypeVar("T")


def _ask(work: Callable[[ControlClient], Awaitable[T]]) -> T:
    async def run() -> T:
        async with await ControlClient.connect(tell=announce) as client:
            return await work(client)

    return asyncio.run(run())


def _tell(note: Note) -> None:
    if note.text:
        click.echo(note.text)
    if note.restart_needed:
        click.echo("Takes effect after a restart: slipway restart")


@click.group()
def disk() -> None:
    """Look after the data disk, which holds everything of yours."""


@disk.command("info")
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
def disk_info(json_: bool) -> None:
    """Show its size and how much of this computer's disk it takes."""
    _show_disk(_ask(lambda client: client.disk()), json_)


@disk.command("grow")
@click.argument("gib", type=click.IntRange(min=1))
def disk_grow(gib: int) -> None:
    """Enlarge it to GIB gibibytes, running or not. Nothing is lost; it never shrinks."""
    _tell(_ask(lambda client: client.grow_disk(gib)))


@disk.command("check")
@click.option("--repair", is_flag=True, help="Mend what can be mended.")
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
def disk_check(repair: bool, json_: bool) -> None:
    """Check the disk file while the machine is stopped."""
    _show_disk(_ask(lambda client: client.check_disk(repair)), json_)


def _show_disk(report: DiskReport, json_: bool) -> None:
    if json_:
        as_json(report)
        return
    lines = [("File", report.path if report.exists else f"{report.path} (not made yet)")]
    if report.virtual_size:
        lines.append(
            ("Size", f"{report.virtual_size / 1024**3:.0f} GiB, of which {size(report.allocated)} are taken")
        )
    lines.append(("Free", f"{size(report.host_free)} on this computer"))
    if report.health:
        lines.append(("Health", report.health))
    if report.note:
        lines.append(("Note", report.note))
    facts(lines)


@click.group()
def image() -> None:
    """Look after the system images that machines boot from."""


@image.command("list")
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
def image_list(json_: bool) -> None:
    """List the images in the cache; * is the one the next start uses."""
    images = _ask(lambda client: client.images())
    if json_:
        as_json(images)
        return
    rows = [
        (
            ("*" if item.current else "") + item.version,
            item.arch,
            item.packages.get("docker.io", ""),
            size(item.size),
        )
        for item in images
    ]
    table(("VERSION", "ARCH", "MOBY", "SIZE"), rows)


@image.command("build")
@click.option("--arch", type=click.Choice(("amd64", "arm64")), help="Default: this computer's.")
@click.option("--force", is_flag=True, help="Build it even if it is there.")
def image_build(arch: str | None, force: bool) -> None:
    """Build the system image from Debian packages."""

    async def work(client: ControlClient) -> None:
        await follow(client.build_image(arch, force))

    _ask(work)


@click.group()
def context() -> None:
    """Say which engine the docker command talks to."""


@context.command("show")
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
def context_show(json_: bool) -> None:
    """Show which engine the docker command talks to, and whether it answers."""
    report = _ask(lambda client: client.context())
    if json_:
        as_json(report)
        return
    lines = [("Context", report.current), ("Engine", report.address or "none")]
    lines.append(("Answers", "yes" if report.answers else "no"))
    if report.override:
        lines.append(("Variable", f"{report.override}, which goes before any context"))
    facts(lines)


@context.command("use")
def context_use() -> None:
    """Make Slipway's context the current one, and remember the one before."""
    _tell(_ask(lambda client: client.use_context()))


@context.command("restore")
def context_restore() -> None:
    """Make the context current again that was so before Slipway's."""
    _tell(_ask(lambda client: client.restore_context()))


@click.group()
def credentials() -> None:
    """Mend what the docker command knows about credential helpers."""


@credentials.command("repair")
def credentials_repair() -> None:
    """Take helpers that are not installed out of docker's config.json, and remember them."""
    _tell(_ask(lambda client: client.change_helpers(True)))


@credentials.command("restore")
def credentials_restore() -> None:
    """Put back what “repair” has taken out."""
    _tell(_ask(lambda client: client.change_helpers(False)))
