"""Stand-in supervisors that begin in moments: forked from a process that has imported everything once.

They are what ``python -m desktop.supervisor.fake`` is, with the same sockets, lock and log.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import sys
import time
from collections.abc import Mapping

from desktop.control.client import ControlClient, SupervisorAbsent, own_paths

METHODS = multiprocessing.get_all_start_methods()
NURSERY = multiprocessing.get_context("forkserver" if "forkserver" in METHODS else "spawn")
NURSERY.set_forkserver_preload(["desktop.supervisor.fake.supervisor"])
SECONDS = 30.0 if sys.platform != "win32" else 180.0


def begin() -> None:
    """Start one for the home that the environment names, and wait until it answers."""
    make = NURSERY.Process  # type: ignore[attr-defined]  # every context has it; the stubs say so of each kind
    process = make(target=_serve, args=(dict(os.environ),), daemon=True)
    process.start()
    end = time.monotonic() + SECONDS
    while not asyncio.run(_answers()):
        assert process.is_alive(), "the stand-in has ended at once"
        assert time.monotonic() < end, "the stand-in does not answer"
        time.sleep(0.01)  # its socket has no event for "is about to listen"


def stop() -> None:
    """End the one of this home, if there is one, and wait until it has ended."""
    asyncio.run(_shut_down())


def _serve(environment: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    from desktop.supervisor.fake.supervisor import make_fake
    from desktop.supervisor.process import main

    raise SystemExit(main(make_fake))


async def _answers() -> bool:
    paths = own_paths()
    client = ControlClient(paths)
    try:
        return paths.control_socket.exists() and await client.answers()
    finally:
        await client.close()


async def _shut_down() -> None:
    with contextlib.suppress(SupervisorAbsent):
        async with await ControlClient.connect(spawn=False) as client:
            await client.shutdown()
