"""Options and fixtures for every test: golden files, slow tests, a home of the test's own."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import hypothesis
import pytest

# how fast examples are made says more about what else this computer does than about the test
hypothesis.settings.register_profile(
    "slipway", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("slipway")

SHARE = 0.95
"""Of a test's time limit."""

Test = Callable[..., Coroutine[Any, Any, Any]]

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite the golden files as the code has it")
    parser.addoption("--run-slow", action="store_true", help="run the tests marked slow, which take many minutes")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what is slow, unless it is asked for, and say why it is slow."""
    for item in items:
        marker = item.get_closest_marker("slow")
        if marker and not (marker.args and marker.args[0]):
            raise pytest.UsageError(f"{item.nodeid}: slow needs a reason, such as slow('1,000 containers')")
        if marker and not config.getoption("--run-slow"):
            item.add_marker(pytest.mark.skip(reason=f"slow: {marker.args[0]}"))
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
            item.obj = limited(item.obj, config, item)


def limited(test: Test, config: pytest.Config, item: pytest.Item) -> Test:
    """The test, which fails a little before its time limit: uvloop never runs the signal that would end it then.

    Where a test's clock is not real, or hypothesis calls it many times, it is left as it is.
    """
    marker = item.get_closest_marker("timeout")
    limit = float(
        marker.args[0] if marker and marker.args else config.getoption("timeout") or config.getini("timeout")
    )
    if not limit or item.get_closest_marker("fast_clock") or hasattr(test, "hypothesis"):
        return test

    @functools.wraps(test)
    async def run(*arguments: Any, **named: Any) -> Any:
        try:
            async with asyncio.timeout(SHARE * limit) as over:
                return await test(*arguments, **named)
        except TimeoutError as error:
            if over.expired():
                pytest.fail(f"it has not ended in {SHARE * limit:g} seconds: {error.__cause__!r}")
            raise

    return run


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with the golden file ``tests/golden/NAME``; ``--update-golden`` writes it instead."""
    update = bool(request.config.getoption("--update-golden"))

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.is_file(), f"{path} is missing: run pytest --update-golden and read what it wrote"
        assert text == path.read_text(encoding="utf-8")

    return compare
