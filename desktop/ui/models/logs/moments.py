"""Times: as the engine writes them, as a log shows them, and as a user types them."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache

NANO = 1_000_000_000
STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d) ?")
"""RFC 3339, with up to nine digits of the second, and the space after it."""

WIDTH = 14
"""Characters of a time that is shown."""

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
AGO = re.compile(r"(?:\d+(?:\.\d+)?[smhd])+")
PART = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
CLOCK = re.compile(r"\d{1,2}:\d\d(?::\d\d)?")


def stamp(text: str) -> tuple[int, int] | None:
    """The time at the beginning of a line in nanoseconds since 1970, and where the line goes on."""
    found = STAMP.match(text)
    if found is None:
        return None
    whole = _seconds(found[1], found[3])
    if whole is None:
        return None
    return whole * NANO + int((found[2] or "").ljust(9, "0")), found.end()


@lru_cache(maxsize=256)
def _seconds(text: str, zone: str) -> int | None:
    try:
        return int(datetime.fromisoformat(text + ("+00:00" if zone == "Z" else zone)).timestamp())
    except ValueError:  # such as the 32nd
        return None


def shown(moment: int, today: str = "") -> str:
    """A time in :data:`WIDTH` characters: ``14:03:22.518``; of another day ``11-29 14:03:22``.

    :param moment: nanoseconds since 1970; 0 shows nothing.    :param today: see :func:`date_of`.
    """
    if not moment:
        return " " * WIDTH
    day, clock = _local(moment // NANO)
    return f"{clock}.{moment % NANO // 1_000_000:03}  " if day == today else f"{day[5:]} {clock}"


def date_of(moment: float) -> str:
    """The day of a moment (seconds since 1970), as this computer has it: ``2026-11-30``."""
    return _local(int(moment))[0]


@lru_cache(maxsize=256)
def _local(seconds: int) -> tuple[str, str]:
    found = time.localtime(seconds)
    return time.strftime("%Y-%m-%d", found), time.strftime("%H:%M:%S", found)


def exact(moment: int) -> str:
    """RFC 3339 in UTC, as the docker command prints it; empty for 0."""
    if not moment:
        return ""
    whole = datetime.fromtimestamp(moment // NANO, UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{moment % NANO:09}Z"


def parse(text: str, now: float) -> float | None:
    """What a user means by a time: ``10m``, ``1h30m``, ``14:03``, ``2026-11-29``, ``2026-11-29 14:03``, RFC 3339.

    :param now: seconds since 1970.    :return: the same; None if it is not a time.
    """
    text = text.strip()
    if AGO.fullmatch(text):
        return now - sum(float(number) * UNITS[unit] for number, unit in PART.findall(text))
    try:
        if CLOCK.fullmatch(text):
            return _today(text.zfill(len(text) + (text[1] == ":")), now)
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def _today(clock: str, now: float) -> float:
    """The last time that a clock has shown this."""
    today = datetime.fromisoformat(f"{date_of(now)} {clock}")
    return (today if today.timestamp() <= now else today - timedelta(days=1)).timestamp()
