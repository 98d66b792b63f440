"""What Windows is told about Slipway: in the programs' properties, by the installers, in the list of programs."""

from __future__ import annotations

from installers.common.product import AUTHORS, version

COMPANY = AUTHORS
COPYRIGHT = f"Copyright {AUTHORS}. Apache License 2.0."


def version_numbers() -> tuple[int, int, int, int]:
    """The version as Windows compares them: four numbers; those that ours does not have are zero.

    :raise ValueError: it has other parts than numbers.
    """
    first, second, third, fourth = ([int(part) for part in version().split(".")] + [0, 0, 0, 0])[:4]
    return first, second, third, fourth
