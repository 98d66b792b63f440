"""start, stop, restart and status."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import click

from desktop.cli.output import announce, as_json, facts, follow
from desktop.control.client import ControlClient, SupervisorAbsent, own_paths
from desktop.control.schema import Boot, Event, PartState, RunState, Status

EXIT_CODES = {RunState.RUNNING: 0, RunState.UNREACHABLE: 4}
"""Of ``status``; everything else is 3, not running."""

NOTICE_SECONDS = 2.0

BAR = 40
"""Characters of the longest bar of the waterfall."""

COLOURS = {RunState.RUNNING: "green", RunState.FAILED: "red", RunState.UNREACHABLE: "red"}


async def _with_client(work: Callable[[ControlClient], Awaitable[None]], *, spawn: bool = True) -> None:
    async with await ControlClient.connect(spawn=spawn, tell=announce) as client:
        await work(client)


@click.command()
def start() -> None:
    """Start the machine and wait until the engine answers through the socket.

    The first start also builds the system image, which takes a minute or two. Interrupting it undoes it.
    """
    asyncio.run(_with_client(lambda client: _undoing(client, client.start())))


@click.command()
def restart() -> None:
    """Stop, then start; connections to the socket wait meanwhile."""
    asyncio.run(_with_client(lambda client: _undoing(client, client.restart())))


async def _undoing(client: ControlClient, events: AsyncIterator[Event]) -> None:
    """Follow a start; an interruption is over when the start has been undone, or goes on for somebody else."""
    try:
        await follow(events)
    except asyncio.CancelledError:
        click.echo("Interrupted: undoing the start …", err=True)
        noticed = time.monotonic() + NOTICE_SECONDS  # for the supervisor to see that we have gone
        while (state := (await client.status()).state) is RunState.STOPPING or (
            state is RunState.STARTING and time.monotonic() < noticed
        ):
            await asyncio.sleep(0.1)
        raise


@click.command()
@click.option("--keep-supervisor", is_flag=True, help="Stop the machine, but keep the socket and the supervisor.")
def stop(keep_supervisor: bool) -> None:
    """Stop the containers, the machine and Slipway's background process. Nothing is deleted."""
    asyncio.run(_stop(keep_supervisor))


async def _stop(keep_supervisor: bool) -> None:
    try:
        client = await ControlClient.connect(spawn=False)
    except SupervisorAbsent:
        click.echo("Slipway is stopped already")
        return
    async with client:
        await follow(client.stop())
        if not keep_supervisor:
            await client.shutdown()


@click.command()
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
@click.option("--timing", is_flag=True, help="Show how long each stage of the last start took.")
@click.pass_context
def status(ctx: click.Context, json_: bool, timing: bool) -> None:
    """Say whether the engine answers: a real call through the socket is made.

    Exit code: 0 it answers, 3 it is not running, 4 it should answer and does not.
    """
    ctx.exit(asyncio.run(_status(json_, timing)))


async def _status(json_: bool, timing: bool) -> int:
    boots: list[Boot] = []
    try:  # a machine without a supervisor is taken over, so that the truth can be told
        async with await ControlClient.connect(spawn=False) as client:
            found = await client.status()
            boots = await client.boots() if timing else []
    except SupervisorAbsent:
        socket = f"unix://{own_paths().docker_socket}"
        found = Status(RunState.STOPPED, "Slipway is stopped. Start it: slipway start", socket)
    if json_:
        as_json({"status": found, "boots": boots} if timing else found)
    else:
        facts(_lines(found))
        if timing:
            _waterfall(boots)
    return EXIT_CODES.get(found.state, 3)


def _lines(found: Status) -> list[tuple[str, str]]:
    state = click.style(found.state.value, fg=COLOURS.get(found.state, "yellow"), bold=True)
    lines = [("Slipway", f"{state}  {found.summary}")]
    if found.failure is not None and found.failure.hint:
        lines.append(("Fix", found.failure.hint))
    if found.engine is not None:
        engine = found.engine
        lines.append(("Engine", f"Moby {engine.version} (API {engine.api_version}), {engine.os}/{engine.arch}"))
    lines.append(("Socket", found.socket))
    if found.machine is not None:
        machine = found.machine
        running = f", QEMU {machine.pid}" if machine.pid is not None else ""
        since = f", up {duration(time.time() - machine.since)}" if machine.since is not None else ""
        size = f"{machine.cpus} CPUs, {machine.memory_mib} MiB, disk {machine.disk_gib} GiB"
        lines.append(("Machine", f"{size}, {machine.arch}{running}{since}"))
    if found.accelerator is not None:
        speed = found.accelerator
        text = speed.why
        lines.append(("Speed", f"{text}\n{speed.fix}".strip()))
    for hop in found.hops:
        mark = {True: click.style("✓", fg="green"), False: click.style("✗", fg="red"), None: "·"}[hop.ok]
        lines.append(("", f"{mark} {hop.name}: {hop.why}"))
    for part in found.parts:
        if part.state is PartState.RESTARTING:
            mark = click.style("✗", fg="red")
            lines.append(("", f"{mark} {part.name}: failed {part.failures} times, is started again: {part.error}"))
    return lines


def _waterfall(boots: list[Boot]) -> None:
    if not boots:
        click.echo("\nNo start has been timed yet.")
        return
    last = boots[-1]
    began = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(last.began))
    click.echo(f"\nStart of {began} under {last.accelerator}: {last.total:.1f} s to the first answer")
    for stage in last.stages:
        before = round(BAR * (stage.seconds - stage.took) / last.total)
        bar = "█" * max(1, round(BAR * stage.took / last.total))
        click.echo(f"  {stage.name:<12} {stage.took:6.2f} s  {' ' * before}{bar}")
    earlier = [boot.total for boot in boots[:-1] if boot.accelerator == last.accelerator]
    if earlier:
        middle = statistics.median(earlier)
        click.echo(f"  median of the {len(earlier)} starts before: {middle:.1f} s")


def duration(seconds: float) -> str:
    """A span of time for a person: ``42 s``, ``5 min``, ``3 h``, ``2 days``."""
    for unit, length in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length or (unit != "days" and seconds >= length):
            return f"{seconds // length:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
