"""Histories of what containers use: rates, gaps, bounds, sums, and how often each is asked."""

from __future__ import annotations

import math

import pytest

from desktop.ui.models import stats
from desktop.ui.models.stats import History, Sample, Usage, due, sample_of, total, words


def sample(at: float, cpu: float, memory: int = 1000, moved: float = 0.0) -> Sample:
    return Sample(at, cpu, memory, 0, (moved, 0.0, 0.0, 0.0))


def filled(seconds: float, pause: float = 10.0, load: float = 0.5) -> History:
    """One that uses the same all the time."""
    made, count = History(), int(seconds / pause)
    for number in range(count + 1):
        at = 1000 + number * pause
        made.add(sample(at, load * number * pause, moved=number * pause * 200), at)
    return made


def test_a_sample_is_read_as_docker_stats_does() -> None:
    found = sample_of(
        {
            "read": "2026-01-02T03:04:05.123456789Z",
            "cpu_stats": {"cpu_usage": {"total_usage": 3_000_000_000}, "online_cpus": 2},
            "memory_stats": {"usage": 1000, "limit": 5000, "stats": {"inactive_file": 400}},
            "networks": {"eth0": {"rx_bytes": 5, "tx_bytes": 1}, "eth1": {"rx_bytes": 5, "tx_bytes": 1}},
            "blkio_stats": {
                "io_service_bytes_recursive": [{"op": "Read", "value": 7}, {"op": "write", "value": 9}]
            },
        }
    )
    assert (found.cpu, found.memory, found.limit, found.cpus) == (3.0, 600, 5000, 2)
    assert found.counters == (10.0, 2.0, 7.0, 9.0)
    assert found.at == pytest.approx(1767323045.123, abs=0.001)
    assert sample_of({}).at <= 0


def test_a_sample_of_windows_has_its_units() -> None:
    found = sample_of(
        {
            "num_procs": 4,
            "cpu_stats": {"cpu_usage": {"total_usage": 30_000_000}},
            "memory_stats": {"privateworkingset": 77},
            "storage_stats": {"read_size_bytes": 3, "write_size_bytes": 4},
        }
    )
    assert (found.cpu, found.memory, found.cpus, found.counters[2:]) == (3.0, 77, 4, (3.0, 4.0))


def test_counters_become_rates() -> None:
    made = History()
    made.add(sample(100, 1.0, 10, 0.0), 5.0)
    assert made.usage is None
    made.add(sample(102, 2.0, 20, 600.0), 7.0)
    assert made.usage is not None
    assert (made.usage.cpu, made.usage.memory) == (50.0, 20)
    assert list(made.series("received"))[1:] == [300.0]
    assert list(made.series("memory")) == [10.0, 20.0]


@pytest.mark.parametrize(
    "after",
    [sample(110, 0.5), sample(100 + stats.GAP_SECONDS + 9, 4.0)],
    ids=["started again", "not asked for long"],
)
def test_a_restart_or_a_gap_interrupts_the_lines(after: Sample) -> None:
    made = History()
    for one in (sample(90, 1.0), sample(100, 2.0), after):
        made.add(one, one.at)
    assert [math.isnan(value) for value in made.series("memory")] == [False, False, True, False]
    assert [math.isnan(value) for value in made.series("cpu")] == [True, False, True, True]


def test_ten_minutes_are_kept_in_bounded_memory() -> None:
    made = filled(3000, pause=2.0)
    assert made.times[-1] - made.times[0] == stats.KEPT_SECONDS
    assert all(len(made.series(name)) == len(made.times) for name in stats.SERIES)
    assert len(filled(300, pause=0.1).times) == stats.MOST


def test_the_trend_covers_ten_minutes() -> None:
    made = filled(600)
    assert made.usage is not None
    assert made.usage.cpu_trend == (50.0,) * stats.TREND_POINTS
    short = filled(100)
    assert short.usage is not None
    known = [not math.isnan(value) for value in short.usage.cpu_trend]
    assert known == sorted(known)
    assert words(short.usage.cpu_trend, str) == "50.0, highest in 10 minutes 50.0"
    assert words((), str) == ""


def test_one_that_has_stopped_uses_nothing_and_keeps_its_past() -> None:
    made = filled(60)
    made.end()
    assert made.usage is None
    assert len(made.times) == 7


def test_sums_are_of_what_is_known_then() -> None:
    moments, values = total([filled(600), filled(600, pause=2.0, load=0.25)], "cpu", 1600.0)
    assert moments[-1] == 1600.0
    assert len(moments) == len(values) == 1 + stats.KEPT_SECONDS / stats.STEP_SECONDS
    assert values[1:] == [75.0] * (len(values) - 1)
    assert math.isnan(total([filled(60)], "cpu", 3000.0)[1][-1])
    assert Usage.total([]) is None
    both = Usage.total([Usage(1.0, 2, (math.nan, 1.0), (2.0, 2.0)), Usage(3.0, 4, (5.0, 1.0), (2.0, 3.0))])
    assert both == Usage(4.0, 6, (5.0, 2.0), (4.0, 5.0))


def test_what_is_shown_is_asked_often_and_all_else_seldom() -> None:
    keys = [str(number) for number in range(10)]
    asked = dict.fromkeys(keys, 100.0)
    assert due({}, keys, (), 0.0) == keys
    assert due(asked, keys, ("3",), 100.0 + stats.SHOWN_SECONDS) == ["3"]
    assert due(asked, keys, (), 100.0 + stats.UNSEEN_SECONDS) == keys


def test_many_containers_cost_no_more() -> None:
    keys = [str(number) for number in range(500)]
    asked: dict[str, float] = {}
    count = 0
    for second in range(1000):
        found = due(asked, keys, (), float(second))
        asked.update(dict.fromkeys(found, float(second)))
        count += len(found)
    assert count / 1000 <= stats.UNSEEN_RATE
    assert set(asked) == set(keys)
