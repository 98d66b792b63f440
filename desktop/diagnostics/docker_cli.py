"""The docker command: the user's own, or the one that came with Slipway's package."""

from __future__ import annotations

import asyncio

from desktop.diagnostics.base import Context, Finding
from engine.client.command import find_docker
from vm.host.programs import NO_WINDOW

NAME = "docker-cli"
DESCRIPTION = "The docker command"
TIMEOUT = 10.0


async def check(context: Context) -> Finding:
    """Run the check."""
    program = find_docker(context.environment.get("PATH"))
    if program is None:
        installer = await asyncio.to_thread(context.host.installer, ("docker",))
        fix = installer.command if installer is not None else "Install the docker command line client: docker"
        return Finding(False, "there is no docker command on the PATH", fix)
    process = await asyncio.create_subprocess_exec(
        program,
        "--version",
        env=dict(context.environment),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        creationflags=NO_WINDOW,
    )
    try:
        async with asyncio.timeout(TIMEOUT):
            output, errors = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return Finding(False, f"{program} does not respond", "Reinstall it.")
    if process.returncode != 0:
        text = (output + errors).decode(errors="replace").strip()
        return Finding(False, f"{program} fails: {text}", "Reinstall it.")
    return Finding(True, f"{output.decode(errors='replace').strip()} ({program})")
