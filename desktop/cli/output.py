"""Output for people and scripts: progress (on a terminal only), errors with hints, tables, JSON."""

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
    """Print an error: what happened, what to do and, if ``verbose``, the technical details."""
    click.echo(f"{click.style('Error:', fg='red', bold=True)} {error.message}", err=True)
    if error.hint:
        click.echo(f"  {error.hint}", err=True)
    if error.detail and verbose:
        click.echo(click.style(error.detail, dim=True), err=True)
    elif error.detail:
        click.echo(click.style("  For details, repeat with: slipway --verbose …", dim=True), err=True)


def announce(text: str) -> None:
    """Print what the command waits for, on stderr: stdout is for scripts."""
    click.echo(f"{text} …", err=True)


def as_json(value: Any) -> None:
    """Print a value of the control API as JSON."""
    click.echo(json.dumps(dump(value), indent=2, ensure_ascii=False))


def labelled(lines: Iterable[tuple[str, str]]) -> None:
    """Print values with labels; further lines of a value are indented below the first."""
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
    """Bytes in powers of 1000, as the docker command prints them."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def counted(number: int, unit: str) -> str:
    """``1 connection``, ``2 connections``."""
    return f"{number} {unit}{'' if number == 1 else 's'}"


def interrupt(text: str) -> None:
    """Print a sentence on stderr in place of the progress."""
    click.echo(f"{CLEAR_LINE if sys.stderr.isatty() else ''}{text}", err=True)


async def follow(events: AsyncIterator[Event]) -> str:
    """Follow a long operation until it ends: print each stage (on a terminal).

    :return: the outcome, to be printed once all work is done, since output may fail.
    """
    line, outcome = ProgressLine(), ""
    try:
        # every stream of the control client is an async generator; closing it early cancels the operation
        async with aclosing(cast("Any", events)) as stream:
            async for event in stream:
                if event.kind == "progress":
                    line.show(event.text, event.fraction)
                elif event.kind == "stage" and event.stage is not None:
                    line.reached(event.stage.took)
                elif event.kind == "done":
                    outcome = event.text
    finally:
        line.clear()
    return outcome


class ProgressLine:
    """One line on the terminal with the current stage; finished stages stay above it with their times."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._text = ""
        self._shown = False
        self._last = 0.0

    def show(self, text: str, fraction: float | None) -> None:
        """Show the current stage, at most ten times a second for one text."""
        now = time.monotonic()
        if not self._live or (text == self._text and now - self._last < 0.1):
            return
        self._text, self._last, self._shown = text, now, True
        part = f" {fraction:.0%}" if fraction is not None else ""
        width = shutil.get_terminal_size().columns
        sys.stderr.write(f"{CLEAR_LINE}… {text}{part}"[: width + len(CLEAR_LINE) - 1])
        sys.stderr.flush()

    def reached(self, took: float) -> None:
        """Mark the current stage as finished."""
        if self._live and self._text and took >= 0.05:
            done = click.style("✓", fg="green")
            sys.stderr.write(f"{CLEAR_LINE}{done} {self._text} {click.style(f'{took:.1f} s', dim=True)}\n")
            self._text, self._shown = "", False

    def clear(self) -> None:
        """Erase an unfinished line."""
        if self._shown:
            sys.stderr.write(CLEAR_LINE)
            sys.stderr.flush()
            self._shown = False
