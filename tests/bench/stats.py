"""The few statistics the tables need. Every function takes at least one number and gives the unit it was given."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence


def median(values: Sequence[float]) -> float:
    """The middle one."""
    return statistics.median(values)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that is not below ``percent`` % of all (nearest rank)."""
    ordered = sorted(values)
    rank = math.ceil(percent / 100 * len(ordered))
    return ordered[max(rank, 1) - 1]


def spread(values: Sequence[float]) -> float:
    """From the smallest to the largest, as a part of the median: 0.1 is 10 %."""
    middle = median(values)
    return (max(values) - min(values)) / middle if middle else 0.0
