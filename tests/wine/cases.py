"""Runs a module of cases by the package's own Python in the Wine system, with what the cases need of the tests."""

from __future__ import annotations

from collections.abc import Mapping

from installers.checkout.environment import ROOT
from tests.wine.system import Completed, WineSystem
from tests.wine.windows import PYTHON

FOLDER = "cases"
NEEDED = (
    "__init__.py",
    "bench/__init__.py",
    "bench/pipe_probe.py",
    "bench/raw.py",
    "e2e/__init__.py",
    "e2e/tls_socket.py",
    "e2e/wire.py",
    "unit/__init__.py",
    "unit/carriers.py",
)


def run_cases(
    wine: WineSystem, module: str, environment: Mapping[str, str] | None = None, seconds: float = 300
) -> list[str]:
    """The names of the cases that have passed.

    :param module: one of this folder.
    :raise AssertionError: one has failed; with what was printed.
    """
    done = run_module(
        wine, "tests.wine.case_runner", f"tests.wine.{module}", environment=environment, seconds=seconds
    )
    assert done.code == 0, f"{done.output}{done.errors}"
    return [line.split()[1] for line in done.output.splitlines() if line.startswith("passed ")]


def run_module(
    wine: WineSystem,
    module: str,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    seconds: float = 300,
) -> Completed:
    """What the function ``main`` of a module of the tests has printed, given these arguments."""
    here = ROOT / "tests"
    for source in (*(here / name for name in NEEDED), *(here / "wine").glob("*.py")):
        target = wine.drive_c / FOLDER / source.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
    script = (
        f"import sys; sys.path.insert(0, r'C:\\{FOLDER}'); from {module} import main; "
        "raise SystemExit(main(*sys.argv[1:]))"
    )
    return wine.run([PYTHON, "-c", script, *arguments], environment, seconds=seconds)
