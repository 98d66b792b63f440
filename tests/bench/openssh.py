"""OpenSSH's ``-L``: the system's ``ssh`` forwarding a local socket to the Docker socket of a machine.

The peer for the ways in, and the way to the stock machine. Nothing of the user's own SSH configuration takes part,
the machine's host key is pinned, and the cipher is the one our own link prefers, so that programs are compared.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from vm.guest.ssh import CIPHERS

DOCKER_SOCKET = "/run/docker.sock"
BANNER = b"SSH-2.0-"


@dataclass(frozen=True)
class Login:
    """How to reach a machine's SSH server on 127.0.0.1 as root.

    :ivar key: the client's private key.    :ivar known_hosts: a file that pins the machine's key.
    """

    port: int
    key: Path
    known_hosts: Path

    def argv(self, *options: str) -> list[str]:
        """A complete ``ssh`` command line up to, and with, the destination."""
        settings = {
            "BatchMode": "yes",
            "IdentitiesOnly": "yes",
            "StrictHostKeyChecking": "yes",
            "UserKnownHostsFile": str(self.known_hosts),
            "LogLevel": "ERROR",
            "Ciphers": ",".join(CIPHERS),
            "ExitOnForwardFailure": "yes",
        }
        words = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
        identity = ["-i", str(self.key), "-p", str(self.port)]
        return ["ssh", "-F", "none", *words, *identity, *options, "root@127.0.0.1"]

    def run(self, command: str, timeout: float = 60) -> str:
        """Run a command in the machine and return what it printed.

        :raise subprocess.SubprocessError: it failed or took too long.
        """
        argv = [*self.argv(), command]
        return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=timeout).stdout


def pin(path: Path, port: int, host_public: Path) -> None:
    """Write a known_hosts file (sshd(8)) for a key on a port of 127.0.0.1."""
    kind, blob = host_public.read_text().split()[:2]
    path.write_text(f"[127.0.0.1]:{port} {kind} {blob}\n")


def await_banner(port: int, deadline: float, check: Callable[[], None]) -> None:
    """Wait until an SSH server answers behind the port; QEMU's forward takes connections long before.

    :param deadline: on time.monotonic()'s clock.
    :param check: raises when nothing will ever answer.
    :raise TimeoutError: nothing answered.
    """
    while time.monotonic() < deadline:
        check()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as link:
            if link.recv(len(BANNER)) == BANNER:
                return
        time.sleep(0.05)
    raise TimeoutError(f"no SSH server answered on port {port}")


class NoForward(TimeoutError):
    """``ssh`` ended, or was not through in time."""


@contextlib.contextmanager
def tunnel(login: Login, local: Path) -> Iterator[Path]:
    """Forward the socket ``local`` to the machine's Docker socket while the block runs.

    :raise NoForward: the socket did not appear.
    """
    argv = login.argv("-N", "-L", f"{local}:{DOCKER_SOCKET}")
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 60
        while not local.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                said = process.stderr.read().decode(errors="replace") if process.stderr else ""
                raise NoForward(f"ssh made no forward: {said.strip() or 'it did not say why'}")
            time.sleep(0.01)
        yield local
    finally:
        process.terminate()
        process.wait(timeout=10)
        if process.stderr:
            process.stderr.close()
        local.unlink(missing_ok=True)
