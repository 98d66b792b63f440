"""Ticks of a value axis."""

from __future__ import annotations

import pytest

from desktop.ui.models.ticks import MOST, binary_ticks, decimal_ticks

MIB = 2.0**20


@pytest.mark.parametrize(
    ("most", "ticks"),
    [
        (5.5, [0, 2, 4]),
        (110, [0, 50, 100]),
        (1100, [0, 500, 1000]),
        (9.9, [0, 2, 4, 6, 8]),
        (4, [0, 1, 2, 3, 4]),
    ],
)
def test_decimal(most: float, ticks: list[float]) -> None:
    assert decimal_ticks(most) == pytest.approx(ticks)


@pytest.mark.parametrize(
    ("most", "ticks"), [(2.2, [0, 1, 2]), (100, [0, 32, 64, 96]), (162, [0, 64, 128]), (1100, [0, 512, 1024])]
)
def test_binary(most: float, ticks: list[float]) -> None:
    assert binary_ticks(most * MIB) == [tick * MIB for tick in ticks]


@pytest.mark.parametrize("ticks", [decimal_ticks, binary_ticks])
def test_there_are_a_few_of_any_height(ticks: object) -> None:
    assert callable(ticks)
    for number in range(1, 2000):
        assert 2 <= len(ticks(number * 0.37)) <= MOST
