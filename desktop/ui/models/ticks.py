"""Where a value axis has its ticks: at round numbers of its unit."""

from __future__ import annotations

import math

MOST = 5
"""Ticks at most, the one at zero included."""


def decimal_ticks(most: float) -> list[float]:
    """From 0 up to ``most``, in steps of 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(most / (MOST - 1)))
    return _ticks(most, next(power * step for step in (1, 2, 5, 10) if most / (power * step) < MOST))


def binary_ticks(most: float) -> list[float]:
    """From 0 up to ``most``, in steps that are powers of two: 16 MiB, 32 MiB."""
    return _ticks(most, 2.0 ** math.ceil(math.log2(most / (MOST - 1))))


def _ticks(most: float, step: float) -> list[float]:
    return [step * number for number in range(int(most / step) + 1)]
