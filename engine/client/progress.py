"""Long work reported in JSON lines (pull, push, build, load): steps, and the failure that may come among them."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import httpx

from engine.client.errors import ProgressError, wrong_platform
from engine.client.models import Progress
from engine.client.streams import objects

Credentials = Mapping[str, str]
"""Docker's AuthConfig: ``username`` and ``password``, or ``identitytoken``, and ``serveraddress``."""

Lookup = Callable[[str], Awaitable[Credentials]]
"""A registry's host → who we are there; empty when not logged in."""


async def no_credentials(registry: str) -> Credentials:
    """Not logged in anywhere."""
    return {}


async def steps(reply: httpx.Response) -> AsyncIterator[Progress]:
    """The steps of the work.

    :raise ProgressError: it failed, with the engine's reason.    :raise WrongPlatform: see there.
    """
    async for values in objects(reply.aiter_raw()):
        if values.get("error") or values.get("errorDetail"):
            detail = values.get("errorDetail") or {}
            message = str(detail.get("message") or values.get("error"))
            if hint := detail.get("hint"):
                raise wrong_platform(message, str(hint), json.dumps(values))
            raise ProgressError(message, detail=json.dumps(values))
        yield Progress.of(values)


def registry_auth(credentials: Credentials | None) -> dict[str, str]:
    """The header for a registry; it has to be there even without credentials (API v1.51, X-Registry-Auth)."""
    text = json.dumps(dict(credentials or {})).encode()
    return {"X-Registry-Auth": base64.urlsafe_b64encode(text).decode()}
