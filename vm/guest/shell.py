"""A shell in the guest for the user's own terminal, by SSH: one connection, one command, until it ends.

It needs no program of the host's, so it is the same on every system. It blocks, and has its process for itself:
unlike the link (ssh.py) it reads with paramiko's own threads. Both keys are pinned, as they are there.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paramiko

from vm.errors import LinkError
from vm.guest.ssh import CIPHERS, KEY_EXCHANGES, load_identity, sign_in
from vm.host.base import Terminal

CONNECT_SECONDS = 20.0
CHUNK = 64 * 1024

LOOK_SECONDS = 0.5
"""Windows' Python notices Ctrl-C between waits only."""

CUT = 255
"""The exit code when the command has none, since a signal or the connection's end has ended it; as with ssh(1)."""


@dataclass(frozen=True)
class Entrance:
    """How the guest's SSH server is reached.

    :ivar key: our private key's file.    :ivar known_hosts: a file with the server's (sshd(8)).
    """

    host: str
    port: int
    user: str
    key: Path
    known_hosts: Path


def run_shell(entrance: Entrance, command: str | None, terminal: Terminal | None) -> int:
    """Run a command in the guest, or its shell, with this process's standard streams.

    :param command: for the guest's shell; None: the shell itself.
    :param terminal: whose input goes to the guest key by key; None: the input is no terminal's.
    :return: the exit code.
    :raise LinkError: the guest cannot be reached.    :raise OSError: the output cannot be written.
    """
    with _connected(entrance) as transport:
        try:
            channel = transport.open_session(timeout=CONNECT_SECONDS)
            if terminal is not None:
                channel.get_pty(terminal.name, *terminal.size())
            if command is None:
                channel.invoke_shell()
            else:
                channel.exec_command(command)
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise LinkError("The machine has closed the connection", "See: slipway status", repr(error)) from error
        channel.settimeout(LOOK_SECONDS)
        if terminal is None:
            _run(channel, None)
        else:
            with terminal.taken(lambda: _resize(channel, terminal)):
                _run(channel, terminal)
        code = channel.recv_exit_status()
        return code if code >= 0 else CUT


@contextlib.contextmanager
def _connected(entrance: Entrance) -> Iterator[paramiko.Transport]:
    where = f"{entrance.host}:{entrance.port}"
    identity = load_identity(entrance.key)
    name = f"[{entrance.host}]:{entrance.port}"
    try:
        pinned = paramiko.HostKeys(str(entrance.known_hosts)).lookup(name)
        key = pinned["ssh-ed25519"].asbytes() if pinned is not None else b""
        sock = socket.create_connection((entrance.host, entrance.port), CONNECT_SECONDS)
    except (OSError, KeyError) as error:
        raise LinkError(
            "The machine's SSH server cannot be reached", "See: slipway status", repr(error)
        ) from error
    with contextlib.closing(paramiko.Transport(sock)) as transport:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        options = transport.get_security_options()
        options.ciphers, options.kex, options.key_types = CIPHERS, KEY_EXCHANGES, ("ssh-ed25519",)
        try:
            sign_in(transport, entrance.user, identity, key, CONNECT_SECONDS)
        except (paramiko.SSHException, EOFError, OSError) as error:
            detail = f"{where}: {error!r}"
            raise LinkError(
                "The machine's SSH server refuses us", "Restart it: slipway restart", detail
            ) from error
        yield transport


def _resize(channel: paramiko.Channel, terminal: Terminal) -> None:
    with contextlib.suppress(paramiko.SSHException, OSError):  # the command has ended meanwhile
        channel.resize_pty(*terminal.size())


def _run(channel: paramiko.Channel, terminal: Terminal | None) -> None:
    """Carry input, output and errors until the command has ended and all it has written is written here."""
    threading.Thread(target=_feed, args=(channel, terminal), name="input", daemon=True).start()
    errors = threading.Thread(target=_print_errors, args=(channel,), name="errors", daemon=True)
    errors.start()
    while (data := _received(channel)) != b"":
        if data is None:
            continue
        if terminal is not None:
            terminal.write(data)
        else:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
    errors.join()


def _received(channel: paramiko.Channel) -> bytes | None:
    """Some output; empty at its end, None when there is none yet."""
    try:
        return channel.recv(CHUNK)
    except TimeoutError:
        return None


def _print_errors(channel: paramiko.Channel) -> None:
    while True:
        try:
            data = channel.recv_stderr(CHUNK)
        except TimeoutError:
            continue
        if not data:
            return
        sys.stderr.buffer.write(data)
        sys.stderr.buffer.flush()


def _feed(channel: paramiko.Channel, terminal: Terminal | None) -> None:
    """Send the input, and its end. It may wait for input when the command has ended, so nobody waits for it."""
    given: Any = sys.stdin.buffer  # its raw stream has no lock that could keep Python from ending
    with contextlib.suppress(paramiko.SSHException, OSError):  # the command has ended: it has no use for more
        while data := terminal.read() if terminal is not None else given.raw.read(CHUNK):
            _send(channel, data)
        channel.shutdown_write()


def _send(channel: paramiko.Channel, data: bytes) -> None:
    while data:
        with contextlib.suppress(TimeoutError):
            data = data[channel.send(data) :]
