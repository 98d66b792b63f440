"""Where the stand-in's cluster answers: a port of 127.0.0.1, by TLS and a token, both made at each start."""

from __future__ import annotations

import asyncio
import base64
import secrets
import ssl
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from aiohttp import web

from desktop.supervisor.fake.cluster.api import make_app
from desktop.supervisor.fake.cluster.catalogue import furnish
from desktop.supervisor.fake.cluster.controllers import Controllers, disturb
from desktop.supervisor.fake.cluster.store import Store
from desktop.supervisor.fake.world import World
from engine.kubernetes.client.manifest import dump
from engine.tls.certificates import Authority, Pair
from vm.files import write_atomically

ADDRESS = "127.0.0.1"
SHUTDOWN_SECONDS = 0.5


class FakeCluster:
    """The cluster and its API.

    :param world: the engine that runs its pods.    :param kubeconfig: the file that is written at each start.
    :param runs: whether the machine does.    :param many: it has a thousand pods.
    :param busy: pods crash and come back all the time.
    """

    def __init__(
        self, world: World, kubeconfig: Path, runs: Callable[[], bool], *, many: bool, busy: bool = False
    ) -> None:
        self._world, self._runs, self._many, self._busy = world, runs, many, busy
        self._unrest: asyncio.Task[None] | None = None
        self.kubeconfig = kubeconfig
        self.server = ""
        self.store: Store | None = None
        self._runner: web.AppRunner | None = None

    async def open(self) -> None:
        """Answer; the first time with what it is furnished with."""
        if self.store is None:
            self.store = Store()
            Controllers(self.store, None if self._many else self._world)
            furnish(self.store, many=self._many)
        now, token = time.time(), secrets.token_hex(16)
        authority = Authority.make(now)
        app = make_app(self.store, token, self._runs)
        runner = self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=SHUTDOWN_SECONDS
        )
        await runner.setup()
        site = web.TCPSite(runner, ADDRESS, 0, ssl_context=_tls(Authority(authority).issue_server([ADDRESS], now)))
        await site.start()
        self.server = f"https://{ADDRESS}:{runner.addresses[0][1]}"
        self._write(authority.certificate, token)
        if self._busy:
            self._unrest = asyncio.create_task(disturb(self.store))

    async def close(self) -> None:
        """Answer no more; the objects stay."""
        self.server = ""
        if self._unrest is not None:
            self._unrest.cancel()
        runner, self._runner = self._runner, None
        if runner is not None:
            self.kubeconfig.unlink(missing_ok=True)
            await runner.cleanup()

    def forget(self) -> None:
        """Delete all objects."""
        self.store = None

    def _write(self, authority: bytes, token: str) -> None:
        name = "slipway"
        cluster = {"server": self.server, "certificate-authority-data": base64.b64encode(authority).decode()}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": name,
            "clusters": [{"name": name, "cluster": cluster}],
            "users": [{"name": name, "user": {"token": token}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        }
        self.kubeconfig.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(self.kubeconfig, dump(config).encode(), 0o600)


def _tls(pair: Pair) -> ssl.SSLContext:
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    with tempfile.TemporaryDirectory(prefix="slipway-") as folder:
        file = Path(folder) / "server.pem"
        file.touch(mode=0o600)
        file.write_bytes(pair.certificate + b"\n" + pair.key)
        made.load_cert_chain(file)
    return made
