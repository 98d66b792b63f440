"""Ports of a container that is to be started: dockerd must not choose one that is in use on the host."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

from engine.endpoint.admission.documents import JsonObject
from engine.endpoint.admission.pipeline import Step


class Reservations(Protocol):
    """Keeps dockerd away from ports (engine/ports)."""

    async def prepare(self, container: Mapping[str, Any], over: asyncio.Future[None]) -> None:
        """Look ahead of this start. See :meth:`~engine.endpoint.admission.pipeline.Step.start`."""
        ...


class ReservedPorts(Step):
    """Reserves ports before a container starts."""

    def __init__(self, reservations: Reservations) -> None:
        self._reservations = reservations

    async def start(self, container: JsonObject, over: asyncio.Future[None]) -> None:
        """Reserve what dockerd might choose for ``container``."""
        await self._reservations.prepare(container, over)
