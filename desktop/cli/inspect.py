"""logs, ports, folders, shell and version: looking inside."""

from __future__ import annotations

import asyncio
import importlib.metadata
import platform
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

import click

from desktop.cli.output import as_json, facts, table
from desktop.control.client import LOG_SOURCES, ControlClient, SupervisorAbsent, own_paths
from vm.errors import HostError, UserError

if TYPE_CHECKING:
    from desktop.control.schema import EngineReport, FolderReport, PortReport, SshReport

FOLLOW_SECONDS = 0.3
"""How often a followed log is looked at; files have no event common to three systems."""


class LogMissing(UserError):
    """The log does not exist yet."""


@click.command()
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
def ports(json_: bool) -> None:
    """List what containers publish, and whether this computer listens for it."""
    found = asyncio.run(_ports())
    if json_:
        as_json(found)
        return
    rows = [
        (
            f"{joined(item.address, item.port)}/{item.protocol}",
            joined(item.target, item.target_port) + (f" ({item.network})" if item.network else ""),
            item.failure or f"open, {item.connections} connections",
        )
        for item in sorted(found, key=lambda item: (item.port, item.protocol, item.address))
    ]
    table(("ADDRESS", "CONTAINER", "STATE"), rows)


async def _ports() -> list[PortReport]:
    try:
        async with await ControlClient.connect(spawn=False) as client:
            return await client.ports()
    except SupervisorAbsent:
        return []  # nothing runs, so nothing is published


@click.command()
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
def folders(json_: bool) -> None:
    """List the folders of this computer that containers may mount.

    The settings say which: share_home and shared_folders.
    """
    found = asyncio.run(_folders())
    if json_:
        as_json(found)
        return
    rows = [(item.folder, item.place, item.carrier, item.state) for item in found]
    table(("FOLDER", "IN THE MACHINE", "CARRIER", "STATE"), rows)
    for why in dict.fromkeys(item.why for item in found if item.why):
        click.echo(f"Not by virtiofs, which is faster: {why}.", err=True)
    for item in found:
        if item.unwatched:
            click.echo(f"Containers miss changes in {item.unwatched}", err=True)


async def _folders() -> list[FolderReport]:
    try:
        async with await ControlClient.connect(spawn=False) as client:
            return await client.folders()
    except SupervisorAbsent:
        return []  # nothing runs, so nothing is mounted


def joined(address: str, port: int) -> str:
    """Address and port as one text; an IPv6 address has brackets (RFC 3986 section 3.2.2)."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


@click.command()
@click.option("-f", "--follow", is_flag=True, help="Go on with what is added.")
@click.option(
    "-n", "--tail", type=click.IntRange(min=0), default=200, show_default=True, help="Begin with so many lines."
)
@click.option("-s", "--source", type=click.Choice(LOG_SOURCES), default="supervisor", show_default=True)
def logs(follow: bool, tail: int, source: str) -> None:
    """Show a log.

    supervisor: what Slipway does. console: the machine's kernel and init. qemu: QEMU's own messages.
    dockerd, containerd, sshd: the services in the machine, while it runs.
    """
    paths = own_paths()
    files = {"supervisor": paths.supervisor_log, "console": paths.console_log, "qemu": paths.qemu_log}
    if source in files:
        _file(files[source], tail, follow)
    else:
        asyncio.run(_guest(source, tail, follow))


def _file(path: Path, tail: int, follow: bool) -> None:
    if not path.exists() and not follow:
        raise LogMissing(f"There is no log {path} yet", "It begins with the first start: slipway start")
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
            stream.seek(place if size > place else 0)  # a smaller file is a new one
            click.echo(stream.read(), nl=False)
            place = stream.tell()


async def _guest(source: str, tail: int, follow: bool) -> None:
    async with await ControlClient.connect(spawn=False) as client:
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
            await asyncio.sleep(FOLLOW_SECONDS)
            part = await client.guest_log(source, place)
            click.echo(part.text, nl=False)
            place = part.next


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def shell(ctx: click.Context, command: tuple[str, ...]) -> None:
    """Open a root shell in the machine, or run COMMAND in it.

    The machine's system is read-only and made anew at each start; your data is in /var/lib/slipway.
    """
    ctx.exit(_ssh(asyncio.run(_reach()), command))


async def _reach() -> SshReport:
    async with await ControlClient.connect(spawn=False) as client:
        return await client.ssh()


def _ssh(way: SshReport, command: tuple[str, ...]) -> int:
    program = shutil.which("ssh")
    if program is None:
        raise HostError("There is no ssh command on this computer", "Install the OpenSSH client.")
    arguments = [
        program,
        "-p",
        str(way.port),
        "-i",
        way.key,
        "-F",
        "none",
        "-o",
        "IdentitiesOnly=yes",
        "-o",
        "LogLevel=ERROR",
    ]
    arguments += ["-o", "StrictHostKeyChecking=yes", "-o", f"UserKnownHostsFile={_quoted(way.known_hosts)}"]
    if not command or (sys.stdin.isatty() and sys.stdout.isatty()):
        arguments.append("-t")
    arguments.append(f"{way.user}@{way.host}")
    if command:
        arguments.append(shlex.join(command))
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for what runs in the machine
    try:
        return subprocess.run(arguments, check=False).returncode
    finally:
        signal.signal(signal.SIGINT, previous)


def _quoted(path: str) -> str:
    """A path for ``ssh -o``, whose values are split at white space (ssh_config(5))."""
    return f'"{path}"'


@click.command()
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
def version(json_: bool) -> None:
    """Show the versions of Slipway and, while it runs, of the engine."""
    own = importlib.metadata.version("slipway")
    system = sysconfig.get_platform()
    engine = asyncio.run(_engine())
    if json_:
        as_json({"version": own, "python": platform.python_version(), "platform": system, "engine": engine})
        return
    facts([("Slipway", own), ("Client", f"{system}, Python {platform.python_version()}")])
    text = (
        f"Moby {engine.version} (API {engine.api_version}), {engine.os}/{engine.arch}" if engine else "not running"
    )
    facts([("Engine", text)])


async def _engine() -> EngineReport | None:
    try:
        async with await ControlClient.connect(spawn=False) as client:
            return (await client.status()).engine
    except SupervisorAbsent:
        return None
