"""docker-py's suite, without an engine: reading its report and comparing it by name; each check can fail."""

from __future__ import annotations

import re

import pytest

from tests.e2e.dockerpy.suite import LOCK, lock_entry, read_report
from tests.e2e.dockerpy.verdict import Expectations, Result, selected, summary

REPORT = """<testsuites><testsuite>
<testcase classname="tests.integration.a_test.A" name="test_good" file="tests/integration/a_test.py" time="1.5"/>
<testcase classname="tests.integration.a_test.A" name="test_bad" file="tests/integration/a_test.py" time="2">
<failure message="assert 1 == 2">where it was</failure></testcase>
<testcase classname="tests.integration.a_test.A" name="test_setup" file="tests/integration/a_test.py" time="0">
<error message="failed on setup">no helper</error></testcase>
<testcase classname="tests.integration.a_test.A" name="test_left" file="tests/integration/a_test.py" time="0">
<skipped type="pytest.skip" message="wants more">there</skipped></testcase>
<testcase classname="tests.integration.a_test.A" name="test_known" file="tests/integration/a_test.py" time="0">
<skipped type="pytest.xfail" message="never worked"/></testcase>
<testcase classname="tests.integration.b.c_test" name="test_alone" file="tests/integration/b/c_test.py" time="0"/>
</testsuite></testsuites>"""

DATA = {
    "quick": {"tests": ["a_test.py"]},
    "left_out": [
        {"tests": ["a_test.py::A::test_hub"], "reason": "pulls", "needs": "mirror"},
        {"tests": ["a_test.py::A::test_store"], "reason": "a store"},
    ],
    "fails": [{"tests": ["a_test.py::A::test_bad"], "reason": "old"}],
    "skips": [{"tests": ["a_test.py::A::test_left"], "reason": "experimental"}],
    "unsteady": [{"tests": ["a_test.py::A::test_setup"], "reason": "a race"}],
}


def test_the_report_is_read_by_name() -> None:
    results = read_report(REPORT)
    assert {name.rpartition("::")[2]: result.outcome for name, result in results.items()} == {
        "test_good": "passed",
        "test_bad": "failed",
        "test_setup": "failed",
        "test_left": "skipped",
        "test_known": "passed",
        "test_alone": "passed",
    }
    assert "b/c_test.py::test_alone" in results
    bad = results["a_test.py::A::test_bad"]
    assert bad.why == "assert 1 == 2\nwhere it was"
    assert bad.seconds == 2


def test_all_as_expected() -> None:
    assert Expectations(DATA).judge(read_report(REPORT)) == []


@pytest.mark.parametrize(
    ("name", "outcome", "said"),
    [
        ("a_test.py::A::test_good", "failed", "failed, not passed"),
        ("a_test.py::A::test_good", "skipped", "skipped, not passed"),
        ("a_test.py::A::test_bad", "passed", "passed, not failed (expected: old)"),
        ("a_test.py::A::test_left", "passed", "passed, not skipped (expected: experimental)"),
    ],
)
def test_what_is_not_as_expected_is_told(name: str, outcome: str, said: str) -> None:
    results = read_report(REPORT) | {name: Result(outcome, "because", 1)}
    (line,) = Expectations(DATA).judge(results)
    assert line.startswith(f"{name}: {said}")
    assert line.endswith("because")


def test_left_out_depends_on_what_is_here() -> None:
    expectations = Expectations(DATA)
    assert expectations.left_out() == {"a_test.py::A::test_hub": "pulls", "a_test.py::A::test_store": "a store"}
    assert expectations.left_out(frozenset({"mirror"})) == {"a_test.py::A::test_store": "a store"}


def test_a_test_named_twice_is_refused() -> None:
    with pytest.raises(AssertionError, match="twice"):
        Expectations({**DATA, "fails": [{"tests": ["a_test.py::A::test_hub"], "reason": "again"}]})


def test_the_summary_counts_and_gives_reasons() -> None:
    text = summary(read_report(REPORT), Expectations(DATA).left_out())
    assert text.startswith("docker-py: 3 passed, 2 failed, 1 skipped, 2 left out\n")
    assert "  left out: pulls\n    a_test.py::A::test_hub" in text


def test_selection_follows_pytest() -> None:
    assert selected([""], "a_test.py::A::test_x")
    assert selected(["a_test.py"], "a_test.py::A::test_x")
    assert selected(["a_test.py::A"], "a_test.py::A::test_x")
    assert not selected(["a_test.py::A::test_x"], "a_test.py::A::test_xy")


def test_the_real_list_is_sound() -> None:
    expectations = Expectations.read()
    assert len(expectations.exceptions) > 30
    for test, entry in expectations.exceptions.items():
        assert test.count("::") in (1, 2), test
        assert entry.reason, test


def test_the_lock_has_hashes_and_no_addresses() -> None:
    lock = LOCK.read_text(encoding="utf-8")
    assert "://" not in lock
    entry = lock_entry(lock, "docker")
    assert entry.startswith("docker==6.1.3")
    assert entry.count("--hash=sha256:") == 2
    packages = [line.split("==")[0] for line in lock.splitlines() if re.match(r"[a-z]", line)]
    assert all("--hash=sha256:" in lock_entry(lock, name) for name in packages)
    with pytest.raises(AssertionError, match="not in the lock"):
        lock_entry(lock, "nothing")
