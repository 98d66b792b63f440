"""An endpoint → what the engine's client dials by."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from engine import context_trial
from engine.client.errors import EngineUnreachable
from engine.client.link_transport import RouteDialler
from engine.client.transport import Dialler, SocketDialler
from engine.remote.askpass import Asker
from engine.remote.endpoints import Endpoint, Kind
from engine.remote.ssh import SshRoute
from engine.remote.tls import TcpRoute
from vm.host.paths import Paths

MOST = 100
"""Connections at once: each container whose load is shown has one."""

KEPT_SECONDS, KEPT_SSH_SECONDS = 5.0, 30.0
"""How long an idle connection waits for the next call; one over ssh costs a process at both ends."""

AWAY = "Check that its computer is up and that its engine runs."


@dataclass(frozen=True)
class Way:
    """How an endpoint is dialled.

    :ivar log_in: logs in, where that is a step of its own: calls have limits of time, a user who is asked has
    none.
    :ivar host: the computer's name.    :ivar ask: has ssh's questions answered by someone, or by nobody.    :ivar
    close: ends what it has started.
    """

    dialler: Dialler
    log_in: Callable[[], Awaitable[None]]
    ask: Callable[[Asker | None], None]
    close: Callable[[], Awaitable[None]]
    host: Callable[[], str]


def connect(endpoint: Endpoint, paths: Paths) -> Way:
    """Make the dialler; nothing is connected yet.

    :raise EngineUnreachable: the endpoint cannot be used, for the reason it has.
    """
    if endpoint.problem:
        raise EngineUnreachable(f"“{endpoint.name}” cannot be used: {endpoint.problem}", "See: docker context ls")
    if endpoint.kind is Kind.SSH:
        ssh = SshRoute(endpoint, paths)

        def ask(asker: Asker | None) -> None:
            ssh.questions.asker = asker

        return Way(RouteDialler(ssh, AWAY, KEPT_SSH_SECONDS, MOST), ssh.log_in, ask, ssh.close, lambda: ssh.host)
    if endpoint.kind in (Kind.TLS, Kind.PLAIN):
        dialler: Dialler = RouteDialler(TcpRoute(endpoint), AWAY, KEPT_SECONDS, MOST)
    else:
        dialler = SocketDialler(Path(endpoint.path), AWAY, of_anyone=True)
    return Way(dialler, _nothing, lambda _: None, _nothing, lambda: endpoint.host)


async def answers(endpoint: Endpoint) -> bool:
    """Whether something answers there, tried for a moment and without logging in; SSH counts as answering."""
    return await context_trial.answers(endpoint.address)


async def _nothing() -> None:
    """There is nothing to do."""
