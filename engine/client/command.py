"""The host's docker command, whose version is shown beside the engine's."""

from __future__ import annotations

import asyncio
import json
import shutil
from dataclasses import dataclass

from engine.client.models import text
from vm.errors import EngineError
from vm.host.paths import bundled_docker
from vm.host.programs import NO_WINDOW

SECONDS = 20.0
NO_ENGINE = "tcp://127.0.0.1:9"
"""An address that refuses at once (RFC 863, discard), so that the client reports only itself."""


@dataclass(frozen=True)
class ClientVersion:
    """What ``docker version`` reports of the client. :ivar platform: ``linux/amd64``."""

    version: str
    api_version: str
    go_version: str
    git_commit: str
    platform: str


def find_docker(path: str | None = None) -> str | None:
    """The docker command: the user's own, or else the one that came with Slipway.

    :param path: the folders to look in; None: this process's PATH.
    """
    return shutil.which("docker", path=path) or shutil.which("docker", path=str(bundled_docker()))


async def client_version() -> ClientVersion:
    """The version of the docker command.

    :raise EngineError: there is none, or it does not answer.
    """
    program = find_docker()
    if program is None:
        raise EngineError("The docker command is not installed", "You need it only in a terminal.")
    process = await asyncio.create_subprocess_exec(
        *(program, "--host", NO_ENGINE, "version", "--format", "json"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        creationflags=NO_WINDOW,
    )
    try:
        async with asyncio.timeout(SECONDS):
            output, _ = await process.communicate()
        client = json.loads(output)["Client"]
    except (TimeoutError, ValueError, KeyError) as error:
        raise EngineError("The docker command does not report its version", program, repr(error)) from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return ClientVersion(
        text(client, "Version"),
        text(client, "ApiVersion"),
        text(client, "GoVersion"),
        text(client, "GitCommit"),
        f"{text(client, 'Os')}/{text(client, 'Arch')}",
    )
