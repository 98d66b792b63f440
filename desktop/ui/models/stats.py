"""What containers use over the last ten minutes: samples of ``/stats``, kept as rates in bounded arrays."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from desktop.ui.models.volumes import timestamp

KEPT_SECONDS = 600.0
MOST = 400
"""Samples of a container that are kept; one each two seconds is 300."""

SHOWN_SECONDS, UNSEEN_SECONDS = 2.0, 10.0
"""Between two samples of a container that is on the screen, and of one that is not."""

UNSEEN_RATE = 2.0
"""Samples a second of all containers that are not on the screen: with more than twenty each has fewer."""

GAP_SECONDS = 60.0
"""A longer time without a sample is a gap in the lines."""

TREND_SECONDS, TREND_POINTS = 20.0, 30
"""A point of a trend is the mean of this time; all of them are ten minutes."""

STEP_SECONDS = 10.0
"""Between two values of a sum."""

SERIES = ("cpu", "memory", "received", "sent", "read", "written")
"""CPU in percent of one processor, memory in bytes, the others in bytes a second."""

RATES = ("received", "sent", "read", "written")
NOTHING = math.nan
"""In the place of a value that is not known: there the line is interrupted."""

Trend = tuple[float, ...]


@dataclass(frozen=True)
class Usage:
    """What a container uses. :ivar cpu: percent of one processor. :ivar memory: bytes.

    :ivar cpu_trend: means over the last ten minutes.    :ivar memory_trend: the same.
    """

    cpu: float
    memory: int
    cpu_trend: Trend = ()
    memory_trend: Trend = ()

    @staticmethod
    def total(parts: Sequence[Usage]) -> Usage | None:
        """That of several containers; None for none."""
        if not parts:
            return None
        return Usage(
            sum(part.cpu for part in parts),
            sum(part.memory for part in parts),
            _sum([part.cpu_trend for part in parts]),
            _sum([part.memory_trend for part in parts]),
        )


@dataclass(frozen=True)
class Sample:
    """What a container has used until now.

    :ivar at: when, by the engine's clock.    :ivar cpu: seconds of processor time.
    :ivar memory: bytes, without the page cache.    :ivar limit: of the memory; 0: not known.
    :ivar counters: bytes received, sent, read and written.    :ivar cpus: how many processors there are.
    """

    at: float
    cpu: float
    memory: int
    limit: int
    counters: tuple[float, ...]
    cpus: int = 1


def sample_of(values: Mapping[str, Any]) -> Sample:
    """A sample from an answer of ``/stats``; memory is computed as in the docker command."""
    cpu, memory = values.get("cpu_stats") or {}, values.get("memory_stats") or {}
    cache = _number(memory, "stats", "inactive_file") or _number(memory, "stats", "total_inactive_file")
    windows = bool(values.get("num_procs"))  # only Windows' engine counts them; its unit is 100 ns
    used = _number(memory, "privateworkingset") if windows else _number(memory, "usage") - cache
    networks = (values.get("networks") or {}).values()
    disk = (values.get("blkio_stats") or {}).get("io_service_bytes_recursive") or ()
    storage = values.get("storage_stats") or {}
    counters = (
        float(sum(item.get("rx_bytes", 0) for item in networks)),
        float(sum(item.get("tx_bytes", 0) for item in networks)),
        _moved(disk, "read") + _number(storage, "read_size_bytes"),
        _moved(disk, "write") + _number(storage, "write_size_bytes"),
    )
    return Sample(
        timestamp(str(values.get("read", ""))),
        _number(cpu, "cpu_usage", "total_usage") / (1e7 if windows else 1e9),
        max(0, int(used)),
        int(_number(memory, "limit")),
        counters,
        int(_number(cpu, "online_cpus") or values.get("num_procs") or 1),
    )


def _moved(disk: Iterable[Mapping[str, Any]], direction: str) -> float:
    return float(sum(item["value"] for item in disk if str(item["op"]).lower() == direction))


def _number(values: Mapping[str, Any], *path: str) -> float:
    found: Any = values
    for name in path:
        found = (found or {}).get(name)
    return float(found or 0)


class History:
    """Ten minutes of one container. :ivar usage: the latest values; None before there are two samples.

    :ivar last: the latest sample.
    """

    def __init__(self) -> None:
        self.times = array("d")
        self._values = {name: array("d") for name in SERIES}
        self.last: Sample | None = None
        self.usage: Usage | None = None

    def add(self, sample: Sample, now: float) -> None:
        """Add a sample that came at ``now``. After a gap, or a restart, rates begin again."""
        last, self.last = self.last, sample
        passed = sample.at - last.at if last is not None else 0.0
        begins = last is None or not 0 < passed <= GAP_SECONDS or sample.cpu < last.cpu
        rates = [NOTHING] * (1 + len(RATES))
        if last is not None and not begins:
            moved = zip(sample.counters, last.counters, strict=True)
            rates = [100 * (sample.cpu - last.cpu) / passed]
            rates += [max(0.0, new - old) / passed for new, old in moved]
        elif self.times:
            self._append(now, [NOTHING] * len(SERIES))
        self._append(now, [rates[0], float(sample.memory), *rates[1:]])
        self._trim(now)
        if not begins:
            self.usage = Usage(rates[0], sample.memory, self._trend("cpu", now), self._trend("memory", now))

    def end(self) -> None:
        """The container has stopped: nothing is used now, and what was stays until it is too old."""
        self.last = self.usage = None

    def series(self, name: str) -> Sequence[float]:
        """The values of one of :data:`SERIES`, one for each of ``times``."""
        return self._values[name]

    def at(self, name: str, moment: float) -> float:
        """The value at a moment: that of the sample before it, unless a gap is there."""
        place = bisect_right(self.times, moment) - 1
        held = place >= 0 and moment - self.times[place] <= GAP_SECONDS
        return self._values[name][place] if held else NOTHING

    def _append(self, now: float, values: Sequence[float]) -> None:
        self.times.append(now)
        for name, value in zip(SERIES, values, strict=True):
            self._values[name].append(value)

    def _trim(self, now: float) -> None:
        old = max(bisect_left(self.times, now - KEPT_SECONDS), len(self.times) - MOST)
        if old > 0:
            for column in (self.times, *self._values.values()):
                del column[:old]

    def _trend(self, name: str, now: float) -> Trend:
        sums, counts = [0.0] * TREND_POINTS, [0] * TREND_POINTS
        first = int(now // TREND_SECONDS) - TREND_POINTS + 1
        for moment, value in zip(self.times, self._values[name], strict=True):
            place = int(moment // TREND_SECONDS) - first
            if 0 <= place < TREND_POINTS and not math.isnan(value):
                sums[place] += value
                counts[place] += 1
        return tuple(total / count if count else NOTHING for total, count in zip(sums, counts, strict=True))


def total(histories: Sequence[History], name: str, now: float) -> tuple[list[float], list[float]]:
    """Moments and the sum of one of :data:`SERIES` over several containers."""
    steps = int(KEPT_SECONDS / STEP_SECONDS)
    moments = [now - STEP_SECONDS * (steps - step) for step in range(steps + 1)]
    return moments, [add_known(history.at(name, moment) for history in histories) for moment in moments]


def add_known(values: Iterable[float]) -> float:
    """The sum of what is known; not known if nothing is."""
    known = [value for value in values if not math.isnan(value)]
    return sum(known) if known else NOTHING


def _sum(trends: Sequence[Trend]) -> Trend:
    return tuple(add_known(values) for values in zip(*(trend for trend in trends if trend), strict=True))


def due(asked: Mapping[str, float], running: Collection[str], shown: Collection[str], now: float) -> list[str]:
    """Which containers to ask for their next sample. :param asked: when each was asked last."""
    unseen = max(UNSEEN_SECONDS, (len(running) - len(shown)) / UNSEEN_RATE)
    found = []
    for key in running:
        pause = SHOWN_SECONDS if key in shown else unseen
        if now - asked.get(key, -math.inf) >= pause:
            found.append(key)
    return found


CPU_FLOOR, MEMORY_FLOOR = 5.0, 2.0**20
"""The least values at the upper edges of lines: what is below is not drawn as high as a mountain."""


def words(trend: Trend, text: Any) -> str:
    """A trend in words: the latest value and the highest. :param text: formats a value."""
    known = [value for value in trend if not math.isnan(value)]
    return f"{text(known[-1])}, highest in 10 minutes {text(max(known))}" if known else ""
