"""The outcome of pytest runs, from their JUnit XML files: counts, failures, and unexpected skips.

A test that is skipped proves nothing, so each reason for it is written down in ``tests/known_skips.toml``, with
the most tests it may keep from running. One skip more is a failure.
"""

from __future__ import annotations

import re
import tomllib
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

SLOWEST = 20
"""How many files the summary names."""

MESSAGE_LENGTH = 120
"""How much of a failure's message the summary shows."""


@dataclass(frozen=True)
class KnownSkip:
    """A reason for which tests are skipped.

    :ivar pattern: a regular expression for the start of the reason that pytest shows.
    :ivar count: how many tests at most.
    """

    pattern: str
    count: int


@dataclass
class Results:
    """Results of one run or of several.

    :ivar failed: name → what is wrong, shortened to one line; errors of fixtures count too.
    :ivar skipped: reason → how many tests.
    :ivar seconds: file → how long its tests and their fixtures took.
    """

    passed: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    skipped: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=dict)

    def __add__(self, other: Results) -> Results:
        return Results(
            self.passed + other.passed,
            {**self.failed, **other.failed},
            Counter(self.skipped) + other.skipped,
            {**self.seconds, **other.seconds},
        )

    def counts(self) -> str:
        """The plain line that ends a run."""
        return f"{self.passed} passed, {len(self.failed)} failed, {self.skipped.total()} skipped"

    def slowest(self) -> str:
        """The files that take longest, and for how many seconds."""
        ordered = sorted(self.seconds.items(), key=lambda pair: pair[1], reverse=True)[:SLOWEST]
        return "slowest: " + ", ".join(f"{name.rpartition('.')[2]} {seconds:.0f} s" for name, seconds in ordered)

    def report(self) -> list[str]:
        """A line for each reason to skip and for each failure."""
        skips = [f"SKIPPED [{count}] {reason}" for reason, count in sorted(self.skipped.items())]
        return skips + [f"FAILED {name} - {what}" for name, what in self.failed.items()]

    def check_skips(self, known: list[KnownSkip]) -> None:
        """Add a failure for each reason that is not known, and for each known one that is met too often."""
        seen: Counter[KnownSkip | str] = Counter()
        for reason, count in self.skipped.items():
            found = next((skip for skip in known if re.match(skip.pattern, reason)), None)
            seen[found or reason] += count
        for who, count in seen.items():
            allowed = who.count if isinstance(who, KnownSkip) else 0
            if count > allowed:
                reason = who.pattern if isinstance(who, KnownSkip) else who
                self.failed[f"skips of “{reason}”"] = f"{count} tests, {allowed} known (tests/known_skips.toml)"


def read_known_skips(path: Path) -> list[KnownSkip]:
    """Read the list of reasons."""
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    return [KnownSkip(table["reason"], table["count"]) for table in tables.values()]


def read_results(xml: Path, run: str, code: int) -> Results:
    """Read one run's results.

    :param run: its name, for what is wrong with the run itself.
    :param code: pytest's exit code (pytest.ExitCode): beyond 1, or negative, the run broke off.
    """
    results = Results()
    try:
        root = ET.parse(xml).getroot()
    except (OSError, ET.ParseError) as error:
        results.failed[run] = f"no results ({error}); pytest's exit code is {code}"
        return results
    for case in root.iter("testcase"):
        read_case(case, results)
    if code not in (0, 1) or (code == 1 and not results.failed):
        results.failed[run] = f"it ended early; pytest's exit code is {code}"
    return results


def read_case(case: ET.Element, results: Results) -> None:
    """Add one test; a test that passes and whose fixture then fails has two entries, and counts as failed."""
    name = f"{case.get('classname', '')}::{case.get('name', '')}"
    file = case.get("classname", "")
    results.seconds[file] = results.seconds.get(file, 0.0) + float(case.get("time", 0))
    for kind in ("failure", "error"):
        wrong = case.find(kind)
        if wrong is not None:
            message = wrong.get("message") or "(no message)"
            results.failed[name] = " ".join(message.split())[:MESSAGE_LENGTH]
            return
    skipped = case.find("skipped")
    if skipped is None:
        results.passed += 1
    else:
        results.skipped[skipped.get("message") or "(no reason)"] += 1
