"""What a terminal paints: the sixteen colours, the 256 and the true ones, as ink and as ground."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication

from desktop.ui.widgets.terminal import COLOURS, GROUND, INK, Terminal

BLOCK = "█"
"""Fills its cell with ink."""


def colour_at(terminal: Terminal, column: int) -> str:
    """The colour in the middle of a cell of the first line."""
    picture = terminal.grab().toImage()
    middle = terminal.cell_rect(column, 0, 1).center() * picture.devicePixelRatio()
    return picture.pixelColor(middle).name()


@pytest.mark.parametrize(
    ("codes", "wanted"),
    [
        ("31", COLOURS["red"]),
        ("1;34", COLOURS["brightblue"]),
        ("93", COLOURS["brightbrown"]),
        ("95", COLOURS["brightmagenta"]),
        ("38;5;9", "#ff0000"),
        ("38;5;208", "#ff8700"),
        ("38;5;244", "#808080"),
        ("38;2;10;200;30", "#0ac81e"),
    ],
)
def test_ink_and_ground(qapp: QApplication, codes: str, wanted: str) -> None:
    terminal = Terminal("A terminal")
    terminal.resize(600, 300)
    ground = codes.replace("38;", "48;").replace("1;34", "104").replace("31", "41")
    ground = {"93": "103", "95": "105"}.get(ground, ground)
    terminal.feed(f"\x1b[{codes}m{BLOCK}\x1b[0m\x1b[{ground}m \x1b[0m {BLOCK}\x1b[{codes};7m ".encode())
    assert [colour_at(terminal, place) for place in (0, 1, 4)] == [QColor(wanted).name()] * 3
    assert colour_at(terminal, 2) == GROUND
    assert colour_at(terminal, 3) == INK
