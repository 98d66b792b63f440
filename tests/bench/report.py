"""What the benchmark found: rows with a ratio against a peer, the aim if there is one, the table, the JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.bench.stats import spread


@dataclass(frozen=True)
class Aim:
    """What a ratio should be.

    :ivar at_least: ``ratio ≥ bound`` is wanted; otherwise ``ratio ≤ bound``.
    """

    bound: float
    at_least: bool

    def is_met(self, ratio: float) -> bool:
        return ratio >= self.bound if self.at_least else ratio <= self.bound

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.bound:g}"


@dataclass(frozen=True)
class Row:
    """One figure beside the peer's.

    :ivar ours, theirs: in ``unit``; ``theirs`` is None where there is no peer.
    :ivar inverse: the ratio is theirs/ours ("times faster") instead of ours/theirs.
    :ivar samples: what ``ours`` and ``theirs`` were made from, for the JSON and for the spread.
    """

    part: str
    name: str
    unit: str
    ours: float
    theirs: float | None = None
    peer: str = ""
    aim: Aim | None = None
    inverse: bool = False
    our_samples: Sequence[float] = ()
    their_samples: Sequence[float] = ()

    @property
    def ratio(self) -> float | None:
        """Against the peer; None without one, or when it cannot be divided by."""
        if self.theirs is None:
            return None
        above, below = (self.theirs, self.ours) if self.inverse else (self.ours, self.theirs)
        return above / below if below else None

    @property
    def met(self) -> bool | None:
        """Whether the aim is reached; None without an aim or a ratio."""
        ratio = self.ratio
        return None if self.aim is None or ratio is None else self.aim.is_met(ratio)


@dataclass
class Report:
    """Everything of one run.

    :ivar facts: what was measured where: versions, accelerator, processors, memory.
    :ivar waterfall: (stage, seconds since the start, seconds it took) of the median boot.
    :ivar notes: what a reader has to know, found during the run.
    :ivar failures: what could not be measured, and why.
    """

    facts: dict[str, Any] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    waterfall: list[tuple[str, float, float]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Plain values, with the ratios worked out."""
        rows = []
        for row in self.rows:
            values = asdict(row)
            values["aim"] = str(row.aim) if row.aim else None
            rows.append({**values, "ratio": row.ratio, "met": row.met})
        stages = [{"stage": name, "seconds": seconds, "took": took} for name, seconds, took in self.waterfall]
        told = {"notes": self.notes, "failures": self.failures}
        return {"schema": 1, "facts": self.facts, "rows": rows, "waterfall": stages, **told}

    def table(self) -> str:
        """The whole report as text for a terminal of 110 columns."""
        lines = [f"{name}: {value}" for name, value in self.facts.items()]
        head = ("", "Slipway", "peer", "unit", "ratio", "aim", "met", "peer is")
        cells = [head, *(_cells(row) for row in self.rows)]
        widths = [max(len(line[column]) for line in cells) for column in range(len(head))]
        part = None
        for row, line in zip([None, *self.rows], cells, strict=True):
            if row and row.part != part:
                part = row.part
                lines += ["", f"{part}:"]
            aligned = [line[0].ljust(widths[0])]
            aligned += [cell.rjust(width) for cell, width in zip(line[1:-1], widths[1:-1], strict=True)]
            lines.append("  " + "  ".join([*aligned, line[-1]]).rstrip())
        if self.waterfall:
            lines += ["", "waterfall of the median start:", *_bars(self.waterfall)]
        notes = [f"note: {note}" for note in self.notes] + [f"NOT MEASURED: {what}" for what in self.failures]
        return "\n".join([*lines, *([""] if notes else []), *notes])


def _cells(row: Row) -> tuple[str, ...]:
    ratio, met = row.ratio, row.met
    return (
        row.name,
        _figure(row.ours, row.our_samples),
        "-" if row.theirs is None else _figure(row.theirs, row.their_samples),
        row.unit,
        "-" if ratio is None else f"{ratio:.2f}{' × faster' if row.inverse else ''}",
        str(row.aim or "-"),
        "-" if met is None else ("yes" if met else "NO"),
        row.peer,
    )


def _figure(value: float, samples: Sequence[float]) -> str:
    """Three digits that matter, and the spread where the value is the median of a few runs."""
    text = f"{value:.0f}" if value >= 100 else f"{value:.3g}"
    if 2 <= len(samples) <= 20:
        text += f" ±{spread(samples) / 2:.0%}"
    return text


def _bars(stages: Sequence[tuple[str, float, float]], columns: int = 50) -> list[str]:
    """One line for each stage: when it was reached, how long it took, and a bar at its place in time."""
    end = max(seconds for _, seconds, _ in stages) or 1.0
    width = max(len(name) for name, _, _ in stages)
    lines = []
    for name, seconds, took in stages:
        right = round(seconds / end * columns)
        left = min(round((seconds - took) / end * columns), right - 1)
        bar = " " * max(left, 0) + "█" * max(right - max(left, 0), 1)
        lines.append(f"  {name.ljust(width)} {seconds:7.2f} s  {took:+7.2f}  {bar}")
    return lines
