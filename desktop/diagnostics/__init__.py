"""Diagnostics: one check per file, each with NAME, DESCRIPTION and ``look``.

base.py         what a check is given, and how it is run
settings.py     the settings file                    qemu.py          QEMU and its version
acceleration.py how fast the machine can be          image.py         the system image, byte by byte
space.py        free space on this computer          disk.py          the data disk
keys.py         the keys' permissions                machine.py       one QEMU at most, and it is ours
endpoint.py     a real call, and the hop that fails  docker_cli.py    the docker command
context.py      where the docker command goes        credentials.py   credential helpers that are missing
folders.py      shared folders that do not answer    changes.py       mounted folders that are not followed
ports.py        ports that are taken                 login.py         starting at login
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
    image,
    keys,
    login,
    machine,
    ports,
    qemu,
    settings,
    space,
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
    docker_cli,
    docker_context,
    credentials,
    folders,
    changes,
    ports,
    login,
)


async def diagnose(context: Context) -> list[Check]:
    """Make all checks side by side; in the order of :data:`MODULES`."""
    return list(await asyncio.gather(*(run(cast("Diagnosis", module), context) for module in MODULES)))


__all__ = ["Context", "diagnose"]
