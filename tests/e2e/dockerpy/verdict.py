"""Compare what came of docker-py's tests with what comes of them on a plain dockerd, by name.

``expected.toml`` says what a plain dockerd does; it was made by running the suite against one (see there). A test
which is not named in it has to pass.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EXPECTED = Path(__file__).resolve().parent / "expected.toml"


@dataclass(frozen=True)
class Result:
    """What came of one test.

    :ivar outcome: passed, failed or skipped.    :ivar seconds: the test's own time.
    """

    outcome: str
    why: str
    seconds: float


@dataclass(frozen=True)
class Exempt:
    """A test that does not simply pass.

    :ivar kind: ``left_out`` (not run), ``fails`` or ``skips`` (on every dockerd), ``unsteady`` (either way).
    """

    kind: str
    reason: str
    needs: str


class Expectations:
    """The contents of ``expected.toml``."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.quick: list[str] = list(data["quick"]["tests"])
        self.exceptions: dict[str, Exempt] = {}
        for kind in ("left_out", "fails", "skips", "unsteady"):
            for entry in data.get(kind, []):
                for test in entry["tests"]:
                    assert test not in self.exceptions, f"{test} is named twice in expected.toml"
                    self.exceptions[test] = Exempt(kind, entry["reason"], entry.get("needs", ""))

    @classmethod
    def read(cls, path: Path = EXPECTED) -> Expectations:
        """Read the file. Errors of its form come as they are."""
        return cls(tomllib.loads(path.read_text(encoding="utf-8")))

    def left_out(self, have: frozenset[str] = frozenset()) -> dict[str, str]:
        """Test → reason of those not to be run where only ``have`` is there of what they need."""
        return {
            test: entry.reason
            for test, entry in self.exceptions.items()
            if entry.kind == "left_out" and (not entry.needs or entry.needs not in have)
        }

    def judge(self, results: Mapping[str, Result]) -> list[str]:
        """What is not as on a plain dockerd, one line each; empty when all is."""
        wrong = []
        for test, result in sorted(results.items()):
            entry = self.exceptions.get(test)
            wanted = {"fails": "failed", "skips": "skipped"}.get(entry.kind if entry else "", "passed")
            if entry and entry.kind == "unsteady":
                continue
            if result.outcome != wanted:
                because = f" (expected: {entry.reason})" if entry else ""
                wrong.append(f"{test}: {result.outcome}, not {wanted}{because}\n{result.why}".rstrip())
        return wrong


def summary(results: Mapping[str, Result], left_out: Mapping[str, str]) -> str:
    """How many of each; which did not pass; which were left out, and why."""
    counts = {kind: sum(result.outcome == kind for result in results.values()) for kind in OUTCOMES}
    lines = ["docker-py: " + ", ".join(f"{number} {kind}" for kind, number in counts.items())]
    lines[0] += f", {len(left_out)} left out"
    lines += [
        f"  {result.outcome}: {test}" for test, result in sorted(results.items()) if result.outcome != "passed"
    ]
    for reason in dict.fromkeys(left_out.values()):
        lines.append(f"  left out: {reason}")
        lines += [f"    {test}" for test, why in sorted(left_out.items()) if why == reason]
    return "\n".join(lines)


def selected(tests: list[str], name: str) -> bool:
    """Whether pytest runs the test ``name`` when told to run ``tests`` (files, classes, tests; "" for all)."""
    return any(not test or name == test or name.startswith(test + "::") for test in tests)


OUTCOMES = ("passed", "failed", "skipped")
