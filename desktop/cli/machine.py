"""The commands ``start``, ``stop``, ``restart`` and ``status``."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator

import click

from desktop.cli.output import as_json, counted, follow, interrupt, labelled
from desktop.cli.session import run
from desktop.cli.signals import Terminated, cancel_on_sigterm, surviving_hangup
from desktop.control.client import ControlClient, SupervisorAbsent, own_paths
from desktop.control.schema import Boot, Event, PartState, RunState, Status

EXIT_CODES = {RunState.RUNNING: 0, RunState.UNREACHABLE: 4}
"""Exit codes of ``status``; those of all other states are 3."""

BAR = 40
"""Width of the waterfall in characters."""

COLOURS = {RunState.RUNNING: "green", RunState.FAILED: "red", RunState.UNREACHABLE: "red"}


@click.command()
def start() -> None:
    """Start the engine and wait until it is ready.

    The first start builds the system image, which takes a minute or two. Ctrl-C cancels the start. Closing the
    terminal does not: slipway status shows what became of it.
    """
    with surviving_hangup():
        click.echo(run(lambda client: follow_cancellable(client, client.start(), "start")))


@click.command()
def restart() -> None:
    """Stop and start the engine. Docker commands wait until it is ready.

    Ctrl-C cancels it and leaves the engine stopped. Closing the terminal does not.
    """
    with surviving_hangup():
        click.echo(run(lambda client: follow_cancellable(client, client.restart(), "start")))


async def follow_cancellable(client: ControlClient, events: AsyncIterator[Event], name: str) -> str:
    """Follow a start or a switch to its outcome. Ctrl-C and SIGTERM cancel it, unless another client follows it.

    :param name: what is cancelled: ``start``.
    :raise Terminated: it was SIGTERM.
    """
    terminated = cancel_on_sigterm()
    following = asyncio.create_task(follow(events))
    try:
        return await asyncio.shield(following)
    except asyncio.CancelledError:
        interrupt(f"Interrupted. Cancelling the {name} …")
        note = await client.cancel_start()  # before we leave: whoever just leaves cancels nothing
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        interrupt(note.text)
        if terminated.is_set():
            raise Terminated from None
        raise


@click.command()
@click.option("--keep-supervisor", is_flag=True, help="Keep the background process and its socket.")
def stop(keep_supervisor: bool) -> None:
    """Stop all containers, the engine and Slipway's background process. Nothing is deleted."""

    async def work(client: ControlClient) -> str:
        outcome = await follow(client.stop())
        if not keep_supervisor:
            await client.shutdown()
        return outcome

    try:
        with surviving_hangup():
            outcome = run(work, spawn=False)
    except SupervisorAbsent:
        outcome = "Slipway is already stopped"
    click.echo(outcome)


@click.command()
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
@click.option("--timing", is_flag=True, help="Show how long each stage of the last start took.")
@click.pass_context
def status(ctx: click.Context, json_: bool, timing: bool) -> None:
    """Show whether the engine is running. This is tested with a real call through the socket.

    Exit code: 0 running, 3 not running, 4 running but not responding.
    """

    async def work(client: ControlClient) -> tuple[Status, list[Boot]]:
        return await client.status(), await client.boots() if timing else []

    try:
        found, boots = run(work, spawn=False)
    except SupervisorAbsent:
        socket = own_paths().docker_host
        found, boots = Status(RunState.STOPPED, "Slipway is stopped", socket), []
    if json_:
        as_json({"status": found, "boots": boots} if timing else found)
    else:
        labelled(status_lines(found))
        if timing:
            _waterfall(boots)
    ctx.exit(EXIT_CODES.get(found.state, 3))


def status_lines(found: Status) -> list[tuple[str, str]]:
    """A status as labels and texts."""
    state = click.style(found.state.value, fg=COLOURS.get(found.state, "yellow"), bold=True)
    more = {RunState.RUNNING: "", RunState.STOPPED: "Start it: slipway start"}.get(found.state, found.summary)
    lines = [("Slipway", f"{state}  {more}".rstrip())]
    if found.note:
        lines.append(("Note", found.note))
    if found.failure is not None and found.failure.hint:
        lines.append(("Fix", found.failure.hint))
    if found.engine is not None:
        engine = found.engine
        lines.append(("Engine", f"Moby {engine.version} (API {engine.api_version}), {engine.os}/{engine.arch}"))
    if len(engines := [one for one in found.engines if not one.obstacle]) > 1:
        told = (f"{one.title}: {'in use, ' if one.in_use else ''}{one.state.value}" for one in engines)
        lines.append(("Engines", "\n".join(told)))
    lines.append(("Socket", "\n".join((found.socket, *found.also))))
    if found.tls:
        lines.append(("TLS", f"{found.tls}, for clients with a certificate"))
    if found.machine is not None:
        machine = found.machine
        running = f", QEMU {machine.pid}" if machine.pid is not None else ""
        since = f", up {duration(time.time() - machine.since)}" if machine.since is not None else ""
        size = f"{machine.cpus} CPUs, {machine.memory_mib} MiB, disk {machine.disk_gib} GiB"
        lines.append(("Machine", f"{size}, {machine.arch}{running}{since}"))
    if found.memory is not None and found.memory.shortage:
        lines.append(("Memory", f"{click.style('!', fg='yellow')} {found.memory.shortage}\n{found.memory.hint}"))
    if found.accelerator is not None:
        speed = found.accelerator
        lines.append(("Speed", f"{speed.why}\n{speed.fix}".strip()))
    for hop in found.hops:
        mark = {True: click.style("✓", fg="green"), False: click.style("✗", fg="red"), None: "·"}[hop.ok]
        lines.append(("", f"{mark} {hop.name}: {hop.why}"))
    for warning in found.warnings:
        advice = f"\n→ {warning.hint}" if warning.hint else ""
        lines.append(("", f"{click.style('!', fg='yellow')} {warning.message}{advice}"))
    for part in found.parts:
        if part.state in (PartState.RESTARTING, PartState.DEGRADED):
            failed = f"restarting after {counted(part.failures, 'failure')}: " if part.failures else ""
            lines.append(("", f"{click.style('✗', fg='red')} {part.name}: {failed}{part.error}"))
    return lines


def _waterfall(boots: list[Boot]) -> None:
    if not boots:
        click.echo("\nThere are no timings yet.")
        return
    last = boots[-1]
    began = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(last.began))
    click.echo(f"\nStart of {began} with {last.accelerator}: ready after {last.total:.1f} s")
    for stage in last.stages:
        before = round(BAR * (stage.seconds - stage.took) / last.total)
        bar = "█" * max(1, round(BAR * stage.took / last.total))
        click.echo(f"  {stage.name:<12} {stage.took:6.2f} s  {' ' * before}{bar}")
    earlier = [boot.total for boot in boots[:-1] if boot.accelerator == last.accelerator]
    if earlier:
        middle = statistics.median(earlier)
        click.echo(f"  median of {counted(len(earlier), 'earlier start')}: {middle:.1f} s")


def duration(seconds: float) -> str:
    """A duration in one unit: ``42 s``, ``5 min``, ``3 h``, ``2 days``."""
    for unit, length in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length or (unit != "days" and seconds >= length):
            return f"{seconds // length:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
