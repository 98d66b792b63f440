"""The stage of tests of what passes through an endpoint."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.endpoint import Endpoint, GuestRoute
from engine.endpoint.admission import Admission
from tests.unit.carriers import MemoryCarrier
from tests.unit.engine.endpoint.admission.stage import Check, Guest, Stage, discard, inspect


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    check, guest = Check(), Guest()
    with tempfile.TemporaryDirectory(prefix="slw-") as folder:
        endpoint = Endpoint(Path(folder) / "d.sock", admission=Admission([check], inspect, discard))
        await endpoint.start()
        endpoint.open_gate(GuestRoute(MemoryCarrier(guest), "/run/docker.sock"))
        reader, writer = await asyncio.open_unix_connection(str(endpoint.path))
        yield Stage(endpoint, check, guest, reader, writer)
        writer.transport.abort()
        await endpoint.close()
