"""Counts, failures and unknown skips, as real pytest writes them to JUnit XML."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from installers.checkout.lanes import pytest_argv
from installers.checkout.results import KnownSkip, Results, read_known_skips, read_results
from tests.architecture.sources import ROOT

TESTS = """
import pytest

@pytest.fixture
def broken_end():
    yield
    raise OSError("the end\\nof it")

def test_good(): pass
def test_bad(): assert 1 == 2, "no"
def test_bad_end(broken_end): pass
@pytest.mark.skip(reason="slow: an hour")
def test_skipped(): pass
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    folder = tmp_path_factory.mktemp("run")
    (folder / "test_some.py").write_text(TESTS)
    xml = folder / "results.xml"
    argv = pytest_argv("-p", "no:cacheprovider", f"--junit-xml={xml}", str(folder))
    done = subprocess.run(argv, capture_output=True, check=False)
    return read_results(xml, "some", done.returncode)


def test_every_test_is_counted_once(results: Results) -> None:
    assert results.counts() == "1 passed, 2 failed, 1 skipped"
    assert results.skipped == {"slow: an hour": 1}


def test_failures_are_named_with_their_message_in_one_line(results: Results) -> None:
    bad, bad_end = results.failed.items()
    assert bad[0].endswith("test_some::test_bad")
    assert bad[1].startswith("AssertionError: no")
    assert bad_end[0].endswith("test_some::test_bad_end")
    assert "the end" in bad_end[1]
    assert f"FAILED {bad[0]} - {bad[1]}" in results.report()


def test_the_files_that_take_longest_come_first() -> None:
    both = Results(seconds={"e2e.test_quick": 0, "e2e.test_long": 7}) + Results(seconds={"e2e.test_other": 3})
    assert both.slowest() == "slowest: test_long 7 s, test_other 3 s, test_quick 0 s"


def test_every_test_counts_for_its_file(results: Results) -> None:
    assert [file.rpartition(".")[2] for file in results.seconds] == ["test_some"]
    assert results.seconds.popitem()[1] >= 0


def test_a_run_without_results_fails(tmp_path: Path) -> None:
    assert "exit code is -9" in read_results(tmp_path / "none.xml", "some", -9).failed["some"]


@pytest.mark.parametrize("code", [1, 2, 3, -9])
def test_a_run_that_broke_off_fails(tmp_path: Path, code: int) -> None:
    (tmp_path / "some.xml").write_text('<testsuites><testsuite><testcase name="t"/></testsuite></testsuites>')
    found = read_results(tmp_path / "some.xml", "some", code)
    assert (found.passed, list(found.failed)) == (1, ["some"])


def test_results_add_up() -> None:
    one, two = Results(1, {"a": "x"}), Results(2, {"b": "y"})
    one.skipped["slow"] = two.skipped["slow"] = 1
    assert (one + two).counts() == "3 passed, 2 failed, 2 skipped"


class TestSkips:
    def check(self, *known: KnownSkip, **skipped: int) -> dict[str, str]:
        results = Results()
        results.skipped.update(skipped)
        results.check_skips(list(known))
        return results.failed

    def test_known_ones_are_fine(self) -> None:
        assert self.check(KnownSkip("slow", 2), slow=1, slower=1) == {}

    def test_one_more_than_known_fails(self) -> None:
        failed = self.check(KnownSkip("slow", 2), slow=3)
        assert failed == {"skips of “slow”": "3 tests, 2 known (tests/known_skips.toml)"}

    def test_an_unknown_reason_fails(self) -> None:
        assert list(self.check(KnownSkip("slow", 2), other=1)) == ["skips of “other”"]

    def test_the_list_can_be_read(self) -> None:
        known = read_known_skips(ROOT / "tests" / "known_skips.toml")
        assert known
        assert all(skip.count > 0 for skip in known)
