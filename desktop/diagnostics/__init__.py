"""Diagnostics: one check per file. A check is a module with NAME, DESCRIPTION and ``check``, listed in MODULES.

base.py         what a check receives, and how it is run
settings.py     the settings file                      qemu.py          QEMU and its version
acceleration.py hardware acceleration                  image.py         the system image, byte by byte
space.py        free space on the host                 disk.py          the data disk
keys.py         permissions of keys and sockets        machine.py       QEMU processes left behind
endpoint.py     a real call, and the hop that fails    memory.py        the machine's memory
parts.py        parts that fail and are restarted      docker_cli.py    the docker command
context.py      the engine that the command uses       credentials.py   credential helpers
folders.py      shared folders that do not respond     changes.py       folders without file events
ports.py        ports that are in use                  login.py         start at login
host_warnings.py  optional files that were passed over
tls.py          the TLS listener                       windows_engine.py  Windows containers
"""

from __future__ import annotations

import asyncio
from typing import cast

from desktop.control.schema import Check
from desktop.diagnostics import (
    acceleration,
    changes,
    credentials,
    disk,
    docker_cli,
    endpoint,
    folders,
    host_warnings,
    image,
    keys,
    login,
    machine,
    memory,
    parts,
    ports,
    qemu,
    settings,
    space,
    tls,
    windows_engine,
)
from desktop.diagnostics import (
    context as docker_context,
)
from desktop.diagnostics.base import Context, Diagnosis, run

MODULES = (
    settings,
    qemu,
    acceleration,
    image,
    space,
    disk,
    keys,
    machine,
    endpoint,
    memory,
    parts,
    host_warnings,
    docker_cli,
    docker_context,
    credentials,
    folders,
    changes,
    ports,
    tls,
    windows_engine,
    login,
)


async def diagnose(context: Context) -> list[Check]:
    """Run all checks in parallel; return them in the order of :data:`MODULES`."""
    return list(await asyncio.gather(*(run(cast("Diagnosis", module), context) for module in MODULES)))


__all__ = ["Context", "diagnose"]
