"""QEMU's own ``hostfwd`` as a peer: a TCP port of the host that leads into the machine by its user network.

The forward to the machine's SSH server is lent for the while: the guest sends new connections somewhere else.
"""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator

from tests.bench.openssh import Login
from tests.bench.raw import BadReply, Connection

PEER = "QEMU's hostfwd"
ENGINE_PORT = 2375
SERVICE = "/etc/sv/dockerd"


@contextlib.contextmanager
def lent(login: Login, target: str) -> Iterator[int]:
    """The port leads to ``target`` (ADDRESS:PORT as the guest sees it) while the block runs.

    The session that sees to it has its own way, as have all that were open before.
    """
    rule = f"PREROUTING -i eth0 -p tcp --dport 22 -j DNAT --to-destination {target}"
    script = f"iptables -w -t nat -I {rule} && echo lent; read -r _; iptables -w -t nat -D {rule}"
    argv = [*login.argv(), script]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as session:
        assert session.stdout is not None
        if session.stdout.readline().strip() != "lent":
            raise subprocess.SubprocessError("the forward could not be lent")
        try:
            yield login.port
        finally:
            session.communicate("\n", timeout=60)


@contextlib.contextmanager
def bare_engine(login: Login) -> Iterator[int]:
    """The port leads to the engine itself, which listens on TCP while the block runs, as no engine should.

    The machine is the benchmark's own, and no container runs in it meanwhile.
    """
    listen = f"--tls=false --host tcp://0.0.0.0:{ENGINE_PORT}"
    script, restart = f"{SERVICE}/run", f"sv -w 60 restart {SERVICE}"
    login.run(f"cp {script} /run/before; sed -i 's|^exec dockerd |&{listen} |' {script}; {restart}", 120)
    address = login.run("ip -4 -o addr show dev eth0").split("inet ")[1].split("/")[0]
    try:
        with lent(login, f"{address}:{ENGINE_PORT}") as port:
            _await_engine(port, time.monotonic() + 120)
            yield port
    finally:
        login.run(f"cat /run/before >{script}; {restart}", 120)


def _await_engine(port: int, deadline: float) -> None:
    while True:
        try:
            with Connection(port) as connection:
                connection.ask("GET", "/_ping")
            return
        except (OSError, BadReply):
            if time.monotonic() > deadline:
                raise
