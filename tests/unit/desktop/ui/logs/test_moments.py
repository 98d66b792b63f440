"""Times as they are shown and typed."""

from __future__ import annotations

from datetime import datetime

import pytest

from desktop.ui.models.logs.moments import NANO, WIDTH, date_of, exact, parse, shown


def local(text: str) -> float:
    """Seconds since 1970, in this computer's zone."""
    return datetime.fromisoformat(text).timestamp()


NOW = local("2026-12-01 00:39:01")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("10m", NOW - 600),
        ("1h30m", NOW - 5400),
        ("0.5d", NOW - 43_200),
        ("00:30", local("2026-12-01 00:30")),
        ("0:30:01", local("2026-12-01 00:30:01")),
        ("01:00", local("2026-11-30 01:00")),  # it is not yet one o'clock
        ("2026-12-01 00:39:01", NOW),
        ("2026-11-30T23:39:01Z", 1_796_081_941),
        ("2026-11-30", local("2026-11-30 00:00")),
        ("", None),
        ("soon", None),
        ("25:00", None),
        ("10", None),
        ("2026-13-01", None),
    ],
)
def test_typed(text: str, wanted: float | None) -> None:
    assert parse(text, NOW) == wanted


def test_shown_and_exact() -> None:
    moment = 1_796_081_941 * NANO + 12_345_678
    assert exact(moment) == "2026-11-30T23:39:01.012345678Z"
    today = date_of(1_796_081_941)
    assert shown(moment, today).endswith(":01.012  ")
    assert shown(moment, "2026-01-01").startswith(today[5:])
    assert {len(shown(one, day)) for one in (0, moment) for day in (today, "")} == {WIDTH}
    assert exact(0) == ""
