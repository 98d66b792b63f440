"""Compare what came of tests with what comes of them on a plain dockerd, by name.

On a plain dockerd all pass. Here those have to fail that ``differences.toml`` names, for the reason given there,
which is a line of README.md, “Differences from a native engine”.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.dockerpy.verdict import Result

DIFFERENCES = Path(__file__).resolve().parent / "differences.toml"
README = Path(__file__).resolve().parents[3] / "README.md"
HEADING = "## Differences from a native engine"


@dataclass(frozen=True)
class Difference:
    """A test that passes on a plain dockerd and not here.

    :ivar readme: the first cell of the line in README.md.
    :ivar error: what the failure says.
    """

    readme: str
    error: str


def read_differences(path: Path = DIFFERENCES) -> dict[str, Difference]:
    """Test → difference, from the file. Errors of its form come as they are."""
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    return {entry["test"]: Difference(entry["readme"], entry["error"]) for entry in data["difference"]}


def documented(text: str) -> set[str]:
    """The first cells of the table below the heading in README.md."""
    section = text.partition(HEADING)[2].partition("\n## ")[0]
    return {line.split("|")[1].strip() for line in section.splitlines() if line.startswith("| ")}


def compare(results: Mapping[str, Result], differences: Mapping[str, Difference]) -> list[str]:
    """What is not as it has to be, one entry each; empty when all is."""
    wrong = []
    for test, result in sorted(results.items()):
        known = differences.get(test)
        if known is None:
            if result.outcome != "passed":
                wrong.append(f"{test}: {result.outcome}\n{result.why}")
        elif result.outcome != "failed" or known.error not in result.why:
            wrong.append(f"{test}: {result.outcome}, and has to fail with “{known.error}”\n{result.why}")
    return wrong
