"""The commands ``logs``, ``ports``, ``folders``, ``shell`` and ``version``."""

from __future__ import annotations

import asyncio
import importlib.metadata
import platform
import sysconfig
import time
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from desktop.cli.output import as_json, counted, labelled, table
from desktop.cli.session import run
from desktop.control.client import LOG_SOURCES, ControlClient, SupervisorAbsent, own_paths
from vm.errors import UserError

if TYPE_CHECKING:
    from desktop.control.schema import EngineReport

T = TypeVar("T")

FOLLOW_SECONDS = 0.3
"""Seconds between reads of a followed log: there is no file event common to all systems."""

WINDOWS, WINDOWS_SECONDS = "windows", 2.0
"""The log whose each read starts a program of Windows, and the seconds between them."""


class LogMissing(UserError):
    """The log does not exist yet."""


@click.command()
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
def ports(json_: bool) -> None:
    """List the ports that containers publish, and whether they are open on your computer."""
    found = _or_nothing(lambda client: client.ports())
    if json_:
        as_json(found)
        return
    rows = [
        (
            f"{joined(item.address, item.port)}/{item.protocol}",
            joined(item.target, item.target_port) + (f" ({item.network})" if item.network else ""),
            item.failure or f"open, {counted(item.connections, 'connection')}",
        )
        for item in sorted(found, key=lambda item: (item.port, item.protocol, item.address))
    ]
    table(("ADDRESS", "CONTAINER", "STATE"), rows)


@click.command()
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
def folders(json_: bool) -> None:
    """List the folders of your computer that containers can mount.

    The settings share_home and shared_folders determine which.
    """
    found = _or_nothing(lambda client: client.folders())
    if json_:
        as_json(found)
        return
    rows = [(item.folder, item.place, item.carrier, item.state) for item in found]
    table(("FOLDER", "IN THE MACHINE", "CARRIER", "STATE"), rows)
    for why in dict.fromkeys(item.why for item in found if item.why):
        click.echo(f"virtiofs, which is faster, is not used: {why}.", err=True)
    for item in found:
        if item.unwatched:
            click.echo(f"Containers are not notified of changes in {item.unwatched}", err=True)


def _or_nothing(call: Callable[[ControlClient], Awaitable[list[T]]]) -> list[T]:
    """The result of a call; empty when no supervisor runs, for then nothing is published or mounted."""
    try:
        return run(call, spawn=False)
    except SupervisorAbsent:
        return []


def joined(address: str, port: int) -> str:
    """Address and port as one text; an IPv6 address is in brackets (RFC 3986 section 3.2.2)."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


@click.command()
@click.option("-f", "--follow", is_flag=True, help="Keep printing new lines.")
@click.option(
    "-n",
    "--tail",
    type=click.IntRange(min=0),
    default=200,
    show_default=True,
    help="Number of last lines.",
)
@click.option(
    "-s", "--source", type=click.Choice(LOG_SOURCES), default="supervisor", show_default=True, help="Which log."
)
def logs(follow: bool, tail: int, source: str) -> None:
    """Show a log.

    \b
    supervisor  Slipway itself
    console     kernel and init of the machine
    qemu        QEMU
    dockerd, containerd, sshd
                services in the machine, while it is running
    windows     the engine for Windows containers, from Windows' event log
    """
    paths = own_paths()
    files = {"supervisor": paths.supervisor_log, "console": paths.console_log, "qemu": paths.qemu_log}
    if source in files:
        _file(files[source], tail, follow)
    else:
        run(lambda client: _engine_log(client, source, tail, follow), spawn=source == WINDOWS)


def _file(path: Path, tail: int, follow: bool) -> None:
    if not path.exists() and not follow:
        raise LogMissing(f"The log {path} does not exist yet", "It is created at the first start: slipway start")
    place = 0
    if path.exists():
        with path.open("rb") as stream:
            for line in deque(stream, maxlen=tail):
                click.echo(line, nl=False)
            place = stream.tell()
    while follow:
        time.sleep(FOLLOW_SECONDS)
        size = path.stat().st_size if path.exists() else 0
        if size == place:
            continue
        with path.open("rb") as stream:
            stream.seek(place if size > place else 0)  # a smaller file is a new file
            click.echo(stream.read(), nl=False)
            place = stream.tell()


async def _engine_log(client: ControlClient, source: str, tail: int, follow: bool) -> None:
    lines: deque[str] = deque(maxlen=tail)
    place = 0
    while True:
        part = await client.guest_log(source, place)
        if not part.text:
            break
        lines.extend(part.text.splitlines(keepends=True))
        place = part.next
    click.echo("".join(lines), nl=False)
    while follow:
        await asyncio.sleep(WINDOWS_SECONDS if source == WINDOWS else FOLLOW_SECONDS)
        part = await client.guest_log(source, place)
        click.echo(part.text, nl=False)
        place = part.next


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def shell(ctx: click.Context, command: tuple[str, ...]) -> None:
    """Open a root shell in the machine, or run COMMAND in it.

    Changes to the system are lost at the next start. Your data is in /var/lib/slipway.
    """
    from desktop.control.shell import open_shell  # which loads an implementation of SSH

    ctx.exit(open_shell(run(lambda client: client.ssh(), spawn=False), command))


@click.command()
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
def version(json_: bool) -> None:
    """Show the versions of Slipway and of the running engine."""
    own = importlib.metadata.version("slipway")
    system = sysconfig.get_platform()
    engine = _engine()
    if json_:
        as_json({"version": own, "python": platform.python_version(), "platform": system, "engine": engine})
        return
    labelled([("Slipway", own), ("Client", f"{system}, Python {platform.python_version()}")])
    text = (
        f"Moby {engine.version} (API {engine.api_version}), {engine.os}/{engine.arch}" if engine else "not running"
    )
    labelled([("Engine", text)])


def _engine() -> EngineReport | None:
    try:
        return run(lambda client: client.status(), spawn=False).engine
    except SupervisorAbsent:
        return None
