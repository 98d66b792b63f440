"""Sizes, ages and IDs, as the docker command prints them."""

from __future__ import annotations

import time

from desktop.ui.words import nmark, ntr, tr

UNITS = ("B", "kB", "MB", "GB", "TB")

AGES = {
    31_536_000: nmark("{n} year ago", "{n} years ago"),
    2_592_000: nmark("{n} month ago", "{n} months ago"),
    604_800: nmark("{n} week ago", "{n} weeks ago"),
    86_400: nmark("{n} day ago", "{n} days ago"),
    3600: nmark("{n} hour ago", "{n} hours ago"),
    60: nmark("{n} minute ago", "{n} minutes ago"),
}
"""Seconds → words for so many of them, the longest first."""


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
    for length, (one, many) in AGES.items():
        if seconds >= length:
            return ntr(one, many, seconds // length)
    return tr("seconds ago")


def short_id(text: str) -> str:
    """The twelve digits by which the docker command shows a container or an image."""
    return text.removeprefix("sha256:")[:12]


def counted(number: float, unit: str) -> str:
    """``1 image``, ``2 images``."""
    return f"{number:.0f} {unit}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """``0.3 s``, ``1 min 5 s``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"
