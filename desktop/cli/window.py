"""open."""

from __future__ import annotations

import click

from desktop.control.window import open_window


@click.command("open")
def open_() -> None:
    """Open the window; it starts the engine if it is stopped. A window that is open comes to the front."""
    open_window()
