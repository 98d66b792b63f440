"""Who the user is at a registry: the docker command's own configuration, read and never written.

Where each entry is looked for follows the docker CLI (cli/config/configfile, cli/config/credentials): a helper
named for the registry (``credHelpers``), the one for all (``credsStore``), else ``auths`` in the file itself.
Helpers are programs, ``docker-credential-NAME get``, that take the registry on stdin and answer with JSON
(docker/docker-credential-helpers).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import logging
import os
import shutil
from collections.abc import Mapping

from engine.client.progress import Credentials
from engine.client.registry import HUB, HUB_KEY
from engine.context_store import ContextError, ContextStore, docker_folder
from vm.host.programs import NO_WINDOW

log = logging.getLogger(__name__)

HELPER_SECONDS = 60.0
"""A helper may ask the user to unlock something."""

TOKEN = "<token>"
"""A helper's user name for an identity token."""

HUB_HOSTS = (HUB, "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com")


class UserKeys:
    """The user's credentials.

    A broken configuration or helper counts as no credentials, so that what is public can still be pulled; the
    registry's refusal and ``slipway diagnose`` say the rest.

    :param environment: where DOCKER_CONFIG and PATH are looked up; by default this process's own.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = os.environ if environment is None else environment

    async def look(self, registry: str) -> Credentials:
        """What to present to a registry's host; empty when not logged in."""
        key = HUB_KEY if registry in HUB_HOSTS else registry
        try:
            settings = await asyncio.to_thread(ContextStore(docker_folder(self._environment)).settings)
            helper = (settings.get("credHelpers") or {}).get(key) or settings.get("credsStore")
            found = await self._ask(str(helper), key) if helper else {}
            found = found or _written(settings.get("auths") or {}, key)
        except (ContextError, OSError, ValueError, AttributeError, TimeoutError) as error:
            log.warning("no credentials for %s: %r", registry, error)
            return {}
        return {**found, "serveraddress": key} if found else {}

    async def _ask(self, helper: str, key: str) -> Credentials:
        program = shutil.which(f"docker-credential-{helper}", path=self._environment.get("PATH"))
        if program is None:
            raise FileNotFoundError(f"docker-credential-{helper} is not installed")
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            program, "get", stdin=pipe, stdout=pipe, stderr=pipe, creationflags=NO_WINDOW
        )
        try:
            out, _ = await asyncio.wait_for(process.communicate(key.encode()), HELPER_SECONDS)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:  # it has none for this registry, or it failed: what it prints says which
            log.info("%s: %s", program, out.decode(errors="replace").strip())
            return {}
        values = json.loads(out)
        name, secret = str(values.get("Username") or ""), str(values.get("Secret") or "")
        return {"identitytoken": secret} if name == TOKEN else {"username": name, "password": secret}


def _written(auths: Mapping[str, Mapping[str, str]], key: str) -> Credentials:
    """What the file itself has for a registry; its keys may be addresses."""
    entry = auths.get(key) or next((auths[name] for name in auths if _host(name) == _host(key)), {})
    if entry.get("identitytoken"):
        return {"identitytoken": entry["identitytoken"]}
    if entry.get("registrytoken"):
        return {"registrytoken": entry["registrytoken"]}
    if entry.get("auth"):
        try:
            name, _, secret = base64.b64decode(entry["auth"], validate=True).decode().partition(":")
        except binascii.Error as error:
            raise ValueError("auth is not BASE64") from error
        return {"username": name, "password": secret.rstrip("\0")}
    if entry.get("username"):
        return {"username": entry["username"], "password": entry.get("password", "")}
    return {}


def _host(key: str) -> str:
    return key.partition("://")[2].partition("/")[0] or key.partition("/")[0]
