"""Contexts where our engine answers at Docker's default address too: that is no engine of the user's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.contexts import Contexts
from tests.unit.local_server import serving
from vm.host.linux import LinuxHost

ADDRESS = "unix:///run/user/1/slipway/docker.sock"


@pytest.fixture
async def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """Something answers pings at the default address."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.0 200 OK\r\n\r\nOK")

    path = tmp_path / "e.sock"
    monkeypatch.setattr(LinuxHost, "default_docker_socket", path)
    async with serving(path, serve):
        yield f"unix://{path}"


@pytest.mark.parametrize(
    ("policy", "current", "said"),
    [
        ("auto", "slipway", "docker uses the context “slipway” now"),
        ("always", "slipway", "docker uses the context “slipway” now"),
        ("never", "default", ""),
    ],
)
async def test_a_default_that_leads_to_us_is_no_engine_of_the_user_s(
    tmp_path: Path,
    engine: str,
    policy: str,
    current: str,
    said: str,
) -> None:
    """It answers, but only until Slipway stops or another program takes the address."""
    contexts = Contexts(tmp_path / "m", {"DOCKER_CONFIG": str(tmp_path / "docker")}, also=[engine])
    assert await contexts.works("default")
    assert (await contexts.offer(ADDRESS, policy)).startswith(said)
    assert contexts.store.current() == current
    without = Contexts(tmp_path / "m", {"DOCKER_CONFIG": str(tmp_path / "another")})
    assert "“default”, which works" in await without.offer(ADDRESS, "auto")


async def test_a_variable_that_leads_to_us(tmp_path: Path) -> None:
    variables = {"DOCKER_CONFIG": str(tmp_path / "docker"), "DOCKER_HOST": "npipe:////./pipe/docker_engine"}
    assert "overrides" in Contexts(tmp_path / "m", variables).use(ADDRESS)
    contexts = Contexts(tmp_path / "n", variables, also=["npipe:////./pipe/docker_engine"])
    assert await contexts.offer(ADDRESS, "auto") == ""
