"""open and menu: the window, and where to click for it."""

from __future__ import annotations

import asyncio

import click

from desktop.control.client import ControlClient
from desktop.control.schema import Note
from desktop.control.window import open_window


@click.command("open")
@click.option("--background", is_flag=True, help="Show the tray icon only.")
def open_(background: bool) -> None:
    """Open the window; it starts the engine if it is stopped. A window that is open comes to the front."""
    open_window(background=background)


@click.group()
def menu() -> None:
    """Slipway in the desktop's menu of applications."""


@menu.command("add")
def menu_add() -> None:
    """Put Slipway there, to click on; it opens the same as “slipway open”."""
    click.echo(asyncio.run(_menu(True)).text)


@menu.command("remove")
def menu_remove() -> None:
    """Take it away again."""
    click.echo(asyncio.run(_menu(False)).text)


async def _menu(wanted: bool) -> Note:
    async with await ControlClient.connect() as client:
        return await client.menu(wanted)
