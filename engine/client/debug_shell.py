"""A shell beside a container that has none: the machine's busybox in a container of ours, in the same namespaces.

Neither the container nor its image is changed. As with a volume's (``files.py``), ours lives as long as a
connection to its input does, and its image has no byte.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from engine.client import EngineClient
from engine.client.errors import Conflict, EngineUnreachable, NotFound
from engine.client.models import OURS
from engine.client.streams import Duplex
from engine.client.volume_files import TOOLBOX, sweep
from vm.errors import EngineError

TARGET = "/target"
"""Where it has the files of the container."""

SCRIPT = f"""\
/bin/busybox --install -s /bin
for process in /proc/[0-9]*; do
  if grep -q "$CONTAINER" "$process/cgroup" 2>/dev/null; then ln -s "$process/root" {TARGET}; break; fi
done
cd {TARGET}/ || exit 1
unset CONTAINER
echo 'Tools of Slipway’s beside the container. Its files are below {TARGET}: a change there changes the container.'
exec sh
"""
"""Process 1 would not do to find the files: it is another container's where several share their processes."""


@asynccontextmanager
async def debug_shell(engine: EngineClient, key: str) -> AsyncIterator[tuple[str, Duplex]]:
    """Run one for a container. The ID of ours, and its terminal.

    :raise EngineError: the container does not run, or the engine has no busybox.
    """
    await sweep(engine)
    if (await engine.containers.inspect(key))["State"].get("Status") != "running":
        raise EngineError("The container is not running", "Start it first.")
    image = await engine.images.make_empty({OURS: "debug"})
    ours = ""
    try:
        ours = await engine.containers.create(_config(key, image))
        async with await engine.containers.attach(ours) as line:
            await engine.containers.start(ours)
            yield ours, line
    finally:
        await _remove(engine, ours, image)


def _config(key: str, image: str) -> dict[str, Any]:
    return {
        "Image": image,
        "Cmd": ["/bin/busybox", "sh", "-c", SCRIPT],
        "Env": ["PATH=/bin", "HOME=/", "TERM=xterm-256color", r"PS1=\w # ", f"CONTAINER={key}"],
        "Labels": {OURS: "debug"},
        "Tty": True,
        "OpenStdin": True,
        "StdinOnce": True,
        "HostConfig": {
            "AutoRemove": True,
            "PidMode": f"container:{key}",
            "NetworkMode": f"container:{key}",
            "CapAdd": ["SYS_PTRACE"],  # Linux lets /proc/*/root be followed by who may trace
            "SecurityOpt": ["apparmor=unconfined"],
            "Mounts": [{"Type": "bind", "Source": TOOLBOX, "Target": "/bin/busybox", "ReadOnly": True}],
        },
    }


async def _remove(engine: EngineClient, ours: str, image: str) -> None:
    """Remove the container, which goes by itself when its shell ends, and the image."""
    with suppress(NotFound, EngineUnreachable):  # it has gone, or the engine has
        if ours:
            try:
                await engine.containers.remove(ours, force=True)
            except Conflict:  # it is going
                await engine.containers.wait(ours, "removed")
    with suppress(EngineUnreachable):  # what is left is swept the next time
        await engine.images.remove(image)
