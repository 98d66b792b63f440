"""Colours of programs and of logs are readable on the window's grounds, and told apart by colour-blind people."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop.ui.models.colours import READABLE, Rgb, contrast, readable, rgb
from desktop.ui.theme import DARK, LIGHT, TERMINAL, Colours

PART = st.integers(0, 255)
RGB = st.tuples(PART, PART, PART)

BLIND = {
    "no red (protanopia)": ((0.152, 1.053, -0.205), (0.115, 0.786, 0.099), (-0.004, -0.048, 1.052)),
    "no green (deuteranopia)": ((0.367, 0.861, -0.228), (0.280, 0.673, 0.047), (-0.012, 0.043, 0.969)),
    "all": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
}
"""How others see (Machado, Oliveira and Fernandes 2009, severity 1); on linear light."""

APART = 15.0
"""The least distance of two colours in CIELAB; a difference of 2 is just seen."""


@given(RGB, RGB)
def test_every_colour_can_be_read_on_every_ground(colour: Rgb, ground: Rgb) -> None:
    assert contrast(readable(colour, ground), ground) >= READABLE


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("eyes", BLIND)
def test_the_colours_of_logs_are_told_apart(colours: Colours, eyes: str) -> None:
    assert min(contrast(rgb(one), rgb(colours.field)) for one in colours.logs) >= READABLE
    seen = [_lab(rgb(one), BLIND[eyes]) for one in colours.logs]
    distances = {
        (first, second): sum((a - b) ** 2 for a, b in zip(seen[first], seen[second], strict=True)) ** 0.5
        for first, second in combinations(range(len(seen)), 2)
    }
    assert {pair: round(found, 1) for pair, found in distances.items() if found < APART} == {}


def test_there_are_sixteen_colours_of_terminals() -> None:
    assert len({rgb(one) for one in TERMINAL}) == 16


def _lab(colour: Rgb, matrix: tuple[tuple[float, ...], ...]) -> tuple[float, float, float]:
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in (part / 255 for part in colour)]
    red, green, blue = (sum(w * v for w, v in zip(line, linear, strict=True)) for line in matrix)
    xyz = (
        (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.9505,
        0.2126 * red + 0.7152 * green + 0.0722 * blue,
        (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.089,
    )
    x, y, z = (max(v, 0) ** (1 / 3) if v > 0.008856 else 7.787 * max(v, 0) + 16 / 116 for v in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)
