"""Other engines for the window: the stand-in's, behind TLS, plain TCP or a real sshd, named by Docker contexts."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from desktop.supervisor.fake.world import World
from engine.context_store import ContextStore, docker_folder
from engine.remote.endpoints import TlsFiles
from tests.unit.engine.remote.doors import certificates, door, engine, ssh_computer


class Far:
    """A running engine elsewhere.

    :ivar world: what is in it.    :ivar address: for a context.    :ivar call: runs a function in its thread.
    """

    def __init__(self, world: World, address: str, call: Callable[[Callable[[], object]], object]) -> None:
        self.world, self.address, self.call = world, address, call


@contextmanager
def served(make: AbstractAsyncContextManager[tuple[World, str]]) -> Iterator[Far]:
    """Run it in a thread of its own until the end of the block."""
    loop = asyncio.new_event_loop()
    ready, found = threading.Event(), []
    end = asyncio.Event()

    async def run() -> None:
        async with make as (world, address):
            found.append((world, address))
            ready.set()
            await end.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()))
    thread.start()
    assert ready.wait(30)
    world, address = found[0]
    try:
        yield Far(world, address, lambda work: loop.call_soon_threadsafe(work))
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join()
        loop.close()


@asynccontextmanager
async def tls_engine(folder: Path, files: TlsFiles | None) -> AsyncIterator[tuple[World, str]]:
    """An engine behind TCP, with TLS where there are files."""
    async with engine(folder / "far.sock") as world, door(folder / "far.sock", files) as port:
        yield world, f"tcp://127.0.0.1:{port}"


@contextmanager
def over_tls(folder: Path, name: str = "build-server") -> Iterator[Far]:
    """An engine by TLS, and the context that leads to it."""
    ours, theirs = certificates(folder / "pki")
    with served(tls_engine(folder, theirs)) as far:
        context(name, far.address, ours)
        yield far


@contextmanager
def over_tcp(folder: Path, name: str = "plain") -> Iterator[Far]:
    """An engine by TCP that nothing protects."""
    with served(tls_engine(folder, None)) as far:
        context(name, far.address, None)
        yield far


@asynccontextmanager
async def _ssh(folder: Path) -> AsyncIterator[tuple[World, str]]:
    socket = folder / "far.sock"
    before = os.environ["PATH"]
    async with engine(socket) as world, ssh_computer(socket, folder) as (_, variables):
        os.environ["PATH"] = variables["PATH"]
        try:
            yield world, "ssh://build"
        finally:
            os.environ["PATH"] = before


@contextmanager
def over_ssh(folder: Path, name: str = "workstation") -> Iterator[Far]:
    """An engine by SSH, whose computer nobody has confirmed."""
    with served(_ssh(folder)) as far:
        context(name, far.address, None)
        yield far


def context(name: str, address: str, tls: TlsFiles | None) -> None:
    """Make a context as docker does, in the configuration that the environment names."""
    store = ContextStore(docker_folder(os.environ))
    meta: dict[str, Any] = {"Name": name, "Metadata": {}, "Endpoints": {"docker": {"Host": address}}}
    store.write(name, meta)
    json.loads(store.meta(name).read_text())
    if tls is not None:
        store.tls(name).mkdir(parents=True)
        for path, file in ((tls.ca, "ca"), (tls.cert, "cert"), (tls.key, "key")):
            assert path is not None
            shutil.copy(path, store.tls(name) / f"{file}.pem")
