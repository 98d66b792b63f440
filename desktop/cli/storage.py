"""The commands ``disk`` (the data disk) and ``image`` (system images)."""

from __future__ import annotations

import click

from desktop.cli.output import as_json, follow, labelled, size, table
from desktop.cli.session import print_note, run
from desktop.control.client import ControlClient
from desktop.control.schema import DiskReport


@click.group()
def disk() -> None:
    """Show, grow and check the data disk, which holds your images, containers and volumes."""


@disk.command("info")
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
def disk_info(json_: bool) -> None:
    """Show the size of the disk and the space it uses on your computer."""
    _show_disk(run(lambda client: client.disk()), json_)


@disk.command("grow")
@click.argument("gib", type=click.IntRange(min=1))
def disk_grow(gib: int) -> None:
    """Grow the disk to GIB gibibytes, also while it is in use. No data is lost. A disk cannot shrink."""
    print_note(run(lambda client: client.grow_disk(gib)))


@disk.command("check")
@click.option("--repair", is_flag=True, help="Repair what can be repaired.")
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
def disk_check(repair: bool, json_: bool) -> None:
    """Check the disk file. The machine must be stopped."""
    _show_disk(run(lambda client: client.check_disk(repair)), json_)


def _show_disk(report: DiskReport, json_: bool) -> None:
    if json_:
        as_json(report)
        return
    lines = [("File", report.path if report.exists else f"{report.path} (created at the first start)")]
    if report.virtual_size:
        lines.append(("Size", f"{report.virtual_size / 1024**3:.0f} GiB, {size(report.allocated)} used"))
    lines.append(("Free", f"{size(report.host_free)} on your computer"))
    if report.health:
        lines.append(("Health", report.health))
    if report.note:
        lines.append(("Note", report.note))
    labelled(lines)


@click.group()
def image() -> None:
    """List and build the system images that the machine boots from."""


@image.command("list")
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
def image_list(json_: bool) -> None:
    """List the images in the cache. * marks the one that the next start uses."""
    images = run(lambda client: client.images())
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
@click.option("--arch", type=click.Choice(("amd64", "arm64")), help="Default: the host's architecture.")
@click.option("--force", is_flag=True, help="Build the image even if it exists.")
def image_build(arch: str | None, force: bool) -> None:
    """Build the system image from Debian packages."""

    async def work(client: ControlClient) -> str:
        return await follow(client.build_image(arch, force))

    click.echo(run(work))
