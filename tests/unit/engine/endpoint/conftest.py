"""An endpoint at a socket of the test's own."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from engine.endpoint import Endpoint


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """pytest's own folders may have names too long for a socket."""
    with tempfile.TemporaryDirectory(prefix="slw-") as folder:
        yield Path(folder)


@pytest.fixture
def make(short_folder: Path) -> Callable[..., Endpoint]:
    return lambda **settings: Endpoint(short_folder / "run" / "docker.sock", **settings)


@pytest.fixture
async def endpoint(make: Callable[..., Endpoint]) -> AsyncIterator[Endpoint]:
    started = make(wait_seconds=10.0, retry_seconds=0.5)
    await started.start()
    yield started
    await started.close()
