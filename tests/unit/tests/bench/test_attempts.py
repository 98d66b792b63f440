"""A part that fails is tried again, and then costs its own rows only."""

from __future__ import annotations

import subprocess

import pytest

from tests.bench.attempts import attempt
from tests.bench.report import Report, Row


def quiet(text: str) -> None:
    """Ignore the progress."""


@pytest.fixture
def report() -> Report:
    return Report(rows=[Row("other", "before", "s", 1.0)])


def test_a_second_try_counts_alone(report: Report) -> None:
    calls: list[int] = []

    def measure() -> None:
        calls.append(1)
        report.rows.append(Row("boot", f"try {len(calls)}", "s", 1.0))
        if len(calls) == 1:
            raise TimeoutError

    assert attempt("boot", measure, report, quiet)
    assert [row.name for row in report.rows] == ["before", "try 2"]
    assert report.failures == []


def test_a_failure_is_named_with_its_reason(report: Report) -> None:
    said: list[str] = []

    def measure() -> None:
        raise subprocess.SubprocessError("the peer has died: bad option")

    assert not attempt("boot", measure, report, said.append, tries=3)
    assert len(said) == 3
    assert [row.name for row in report.rows] == ["before"]
    assert "NOT MEASURED: boot: the peer has died: bad option" in report.table()
    assert report.as_json()["failures"] == report.failures


def test_a_mistake_of_the_benchmark_is_no_failure_of_the_peer(report: Report) -> None:
    with pytest.raises(ZeroDivisionError):
        attempt("boot", lambda: print(1 / 0), report, quiet)
