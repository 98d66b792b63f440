"""Runs the calls of one command with one client of the control API."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import click

from desktop.cli.output import announce
from desktop.control.client import ControlClient
from desktop.control.schema import Note

T = TypeVar("T")


def run(work: Callable[[ControlClient], Awaitable[T]], *, spawn: bool = True) -> T:
    """Run ``work`` with a client whose supervisor answers.

    :param spawn: start the supervisor if there is none.
    :raise SupervisorAbsent: there is none, and ``spawn`` is False.
    """

    async def connected() -> T:
        async with await ControlClient.connect(spawn=spawn, tell=announce) as client:
            return await work(client)

    return asyncio.run(connected())


def print_note(note: Note) -> None:
    """Print the outcome of a request."""
    if note.text:
        click.echo(note.text)
    if note.restart_needed:
        click.echo("Takes effect after a restart: slipway restart")
