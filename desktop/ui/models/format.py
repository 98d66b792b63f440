"""Sizes, ages and IDs, as the docker command prints them."""

from __future__ import annotations

import time

UNITS = ("B", "kB", "MB", "GB", "TB")


def size(count: float) -> str:
    """Bytes in powers of 1000 with three digits: ``197 MB``."""
    for unit in UNITS[:-1]:
        if abs(count) < 1000:
            return f"{count:.0f} B" if unit == "B" else f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} {UNITS[-1]}"


def binary_size(count: float) -> str:
    """Bytes of memory in powers of 1024: ``512 MiB``."""
    for unit in ("B", "KiB", "MiB"):
        if abs(count) < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.2f} GiB"


def age(moment: float, now: float | None = None) -> str:
    """How long ago a moment was, in one unit. :param moment, now: seconds since 1970."""
    if moment <= 0:
        return "–"
    seconds = max(0.0, (time.time() if now is None else now) - moment)
    for unit, length in (("year", 31_536_000), ("month", 2_592_000), ("week", 604_800), ("day", 86_400)):
        if seconds >= length:
            return f"{counted(seconds // length, unit)} ago"
    for unit, length in (("hour", 3600), ("minute", 60)):
        if seconds >= length:
            return f"{counted(seconds // length, unit)} ago"
    return "seconds ago"


def short_id(text: str) -> str:
    """The twelve digits by which the docker command shows a container or an image."""
    return text.removeprefix("sha256:")[:12]


def counted(number: float, unit: str) -> str:
    """``1 image``, ``2 images``."""
    return f"{number:.0f} {unit}{'' if number == 1 else 's'}"
