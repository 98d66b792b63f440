"""The table of what the tests run: sums by package, and a reason when there is none."""

from __future__ import annotations

from pathlib import Path

from installers.checkout.coverage_table import by_package, coverage_table


def file(statements: int, covered: int) -> dict[str, dict[str, int]]:
    return {"summary": {"num_statements": statements, "covered_lines": covered}}


def test_packages_are_summed_and_empty_ones_left_out() -> None:
    files = {"vm/spec.py": file(10, 10), "vm/guest/a.py": file(60, 30), "vm/guest/deep/b.py": file(40, 20)}
    head, *rows = by_package({"files": files | {"vm/empty/__init__.py": file(0, 0)}})
    assert "statements" in head
    assert [row.split() for row in rows] == [
        ["vm", "10", "100%"],
        ["vm/guest", "100", "50%"],
        ["all", "110", "55%"],
    ]


def test_without_data_the_reason_is_given(tmp_path: Path) -> None:
    (line,) = coverage_table(tmp_path / "none.coverage")
    assert line.startswith("no coverage: No data")
