"""debug: the supervisor's insides as JSON, for a developer or a bug report."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from desktop.cli.output import as_json
from desktop.control.client import ControlClient


@click.command()
def debug() -> None:
    """Print what Slipway's background process is doing, as JSON: its tasks and where they wait, its parts."""
    as_json(asyncio.run(_report()))


async def _report() -> dict[str, Any]:
    async with await ControlClient.connect(spawn=False) as client:
        return await client.debug()
