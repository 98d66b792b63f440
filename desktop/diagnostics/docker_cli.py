"""The docker command: Slipway brings the engine, the command comes from Docker or the system."""

from __future__ import annotations

import asyncio
import shutil

from desktop.diagnostics.base import Context, Finding

NAME = "docker-cli"
DESCRIPTION = "The docker command is installed"
PATIENCE = 10.0


async def look(context: Context) -> Finding:
    """See :class:`desktop.diagnostics.base.Diagnosis`."""
    program = shutil.which("docker", path=context.environment.get("PATH"))
    if program is None:
        installer = context.host.installer(("docker",))
        fix = installer.command if installer is not None else "Install the docker command line client."
        if installer is not None and installer.name == "apt":
            fix += " (Debian 12 and Ubuntu 24.04 have none by itself: there docker-ce-cli, from Docker)"
        return Finding(False, "there is no docker on the PATH", fix)
    process = await asyncio.create_subprocess_exec(
        program, "--version", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(PATIENCE):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return Finding(False, f"{program} does not answer", "Install it anew.")
    told = output.decode(errors="replace").strip()
    if process.returncode != 0:
        return Finding(False, f"{program} does not run: {told}", "Install it anew.")
    return Finding(True, f"{told} ({program})")
