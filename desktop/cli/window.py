"""The commands ``open`` and ``menu``: the window, and its entry in the applications menu."""

from __future__ import annotations

import click

from desktop.cli.session import print_note, run
from desktop.control.window import open_window


@click.command("open")
@click.option("--background", is_flag=True, help="Show only the tray icon.")
def open_(background: bool) -> None:
    """Open the window, and start the engine if it is stopped. An open window comes to the front."""
    open_window(background=background)


@click.group()
def menu() -> None:
    """Add Slipway to the applications menu of your desktop, or remove it."""


@menu.command("add")
def menu_add() -> None:
    """Add an entry that opens the window."""
    print_note(run(lambda client: client.menu(True)))


@menu.command("remove")
def menu_remove() -> None:
    """Remove the entry."""
    print_note(run(lambda client: client.menu(False)))
