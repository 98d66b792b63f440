"""What a person or a script sees: progress on a terminal only, errors with a hint, tables, JSON."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import aclosing
from typing import Any, cast

import click

from desktop.control.codec import dump
from desktop.control.schema import Event
from vm.errors import UserError

CLEAR_LINE = "\r\x1b[2K"
LABEL_WIDTH = 10


def fail(error: UserError, verbose: bool) -> None:
    """Tell an error: what, what to do and, if wanted, the technical tail."""
    click.echo(f"{click.style('Error:', fg='red', bold=True)} {error.message}", err=True)
    if error.hint:
        click.echo(f"  {error.hint}", err=True)
    if error.detail and verbose:
        click.echo(click.style(error.detail, dim=True), err=True)
    elif error.detail:
        click.echo(click.style("  Details: repeat it as “slipway --verbose …”", dim=True), err=True)


def announce(text: str) -> None:
    """Say what is waited for; the output itself stays what a script expects."""
    click.echo(f"{text} …", err=True)


def as_json(value: Any) -> None:
    """Print a value of the control API as JSON."""
    click.echo(json.dumps(dump(value), indent=2, ensure_ascii=False))


def facts(lines: Iterable[tuple[str, str]]) -> None:
    """Print labelled lines; further lines of one value are indented alike."""
    for label, text in lines:
        first, *rest = text.splitlines() or [""]
        click.echo(f"{click.style(label.ljust(LABEL_WIDTH), bold=True)} {first}")
        for line in rest:
            click.echo(f"{'':{LABEL_WIDTH}} {line}")


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print aligned columns as the docker command does."""
    widths = [max(len(row[column]) for row in (headings, *rows)) for column in range(len(headings))]
    for row in (headings, *rows):
        click.echo("   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def size(count: float) -> str:
    """Bytes for a person, in powers of 1000 as the docker command shows them."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


async def follow(events: AsyncIterator[Event]) -> None:
    """Show long work until it is done: each stage on a terminal, and the outcome."""
    line = ProgressLine()
    try:
        # every stream of the control client is an async generator; closing it early cancels the work
        async with aclosing(cast("Any", events)) as stream:
            async for event in stream:
                if event.kind == "progress":
                    line.show(event.text, event.fraction)
                elif event.kind == "stage" and event.stage is not None:
                    line.reached(event.stage.took)
                elif event.kind == "done":
                    line.clear()
                    click.echo(event.text)
    finally:
        line.clear()


class ProgressLine:
    """One line on the terminal that tells what goes on; finished stages scroll away above it with their times."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._text = ""
        self._shown = False
        self._last = 0.0

    def show(self, text: str, fraction: float | None) -> None:
        """Tell what goes on, at most ten times a second for one text."""
        now = time.monotonic()
        if not self._live or (text == self._text and now - self._last < 0.1):
            return
        self._text, self._last, self._shown = text, now, True
        part = f" {fraction:.0%}" if fraction is not None else ""
        width = shutil.get_terminal_size().columns
        sys.stderr.write(f"{CLEAR_LINE}… {text}{part}"[: width + len(CLEAR_LINE) - 1])
        sys.stderr.flush()

    def reached(self, took: float) -> None:
        """What went on is done."""
        if self._live and self._text and took >= 0.05:
            done = click.style("✓", fg="green")
            sys.stderr.write(f"{CLEAR_LINE}{done} {self._text} {click.style(f'{took:.1f} s', dim=True)}\n")
            self._text, self._shown = "", False

    def clear(self) -> None:
        """Leave no unfinished line behind."""
        if self._shown:
            sys.stderr.write(CLEAR_LINE)
            sys.stderr.flush()
            self._shown = False
