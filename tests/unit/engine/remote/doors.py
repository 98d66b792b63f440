"""Ways to an engine's socket for tests: a TLS server that passes half-closes on, and a computer with OpenSSH's."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import os
import shutil
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from desktop.supervisor.fake.catalogue import furnish
from desktop.supervisor.fake.engine import make_app
from desktop.supervisor.fake.world import World
from engine.client.socket_stream import SocketStream
from engine.remote.endpoints import TlsFiles
from engine.remote.tls import TlsStream
from tests.unit.sshd import Sshd, running_sshd
from vm.errors import UserError
from vm.guest.stream import Stream

DIAL = """\
#!{python}
import os, socket, sys, threading
if sys.argv[1:] != ["system", "dial-stdio"]:
    sys.exit(f"unknown: {{sys.argv[1:]}}")
made = socket.socket(socket.AF_UNIX)
try:
    made.connect({path!r})
except OSError as error:
    sys.exit(f"cannot connect: {{error}}")
def up():
    while data := os.read(0, 65536):
        made.sendall(data)
    made.shutdown(socket.SHUT_WR)
threading.Thread(target=up, daemon=True).start()
while data := made.recv(65536):
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
"""
"""What the docker command of the other computer does: here it is a computer without one."""


@asynccontextmanager
async def engine(path: Path) -> AsyncIterator[World]:
    """The stand-in's engine at a Unix socket."""
    world = World()
    furnish(world, many=False)
    runner = web.AppRunner(
        make_app(world, lambda: True), access_log=None, handler_cancellation=True, shutdown_timeout=0.5
    )
    await runner.setup()
    await web.UnixSite(runner, str(path)).start()
    try:
        yield world
    finally:
        await runner.cleanup()


# -- SSH ----------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def ssh_computer(
    path: Path, folder: Path, docker: str | None = None
) -> AsyncIterator[tuple[Sshd, dict[str, str]]]:
    """A computer whose ``docker`` leads to the socket ``path``, and the variables of a user who can log in to it.

    Its name for ssh is ``build``; nobody has confirmed its key yet (:func:`trust`).

    :param docker: the real docker command; None: a small one in its place.
    """
    programs = folder / "programs"
    programs.mkdir()
    real = f'#!/bin/sh\nDOCKER_HOST=unix://{path} exec {docker} "$@"\n'
    (programs / "docker").write_text(real if docker else DIAL.format(python=sys.executable, path=str(path)))
    (programs / "docker").chmod(0o755)
    async with running_sshd(f"SetEnv PATH={programs}:/usr/bin:/bin\n") as server:
        client = folder / "client"
        client.mkdir()
        config = client / "config"
        config.write_text(
            f"Host build\n HostName 127.0.0.1\n Port {server.port}\n IdentityFile {server.key}\n"
            f"IdentitiesOnly yes\nIdentityAgent none\nUserKnownHostsFile {client}/known_hosts\n"
            "GlobalKnownHostsFile none\n"
        )
        ssh = client / "ssh"  # OpenSSH looks for its configuration where the user database says, not in HOME
        ssh.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {config} "$@"\n')
        ssh.chmod(0o755)
        yield server, {**os.environ, "PATH": f"{client}:{os.environ['PATH']}"}


def trust(server: Sshd, folder: Path, key: Path | None = None) -> None:
    """Write the computer's key into the user's known_hosts."""
    kind, value = (key or server.host_key).read_text().split()[:2]
    (folder / "client" / "known_hosts").write_text(f"[127.0.0.1]:{server.port} {kind} {value}\n")


# -- TLS ----------------------------------------------------------------------------------------------------------


def certificates(folder: Path, host: str = "127.0.0.1") -> tuple[TlsFiles, TlsFiles]:
    """An authority with a server's and a client's certificate: the client's files, the server's.

    :param host: the address that the server's is for.
    """
    name = f"authority of {folder.name}"
    folder.mkdir(parents=True)
    key = ec.generate_private_key(ec.SECP256R1())
    _sign(folder / "ca.pem", name, key, key, name, None)
    files = []
    for who in ("client", "server"):
        own = ec.generate_private_key(ec.SECP256R1())
        _sign(folder / f"{who}.pem", who, own, key, name, host)
        (folder / f"{who}-key.pem").write_bytes(
            own.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        files.append(TlsFiles(folder / "ca.pem", folder / f"{who}.pem", folder / f"{who}-key.pem"))
    return files[0], files[1]


def _sign(
    path: Path,
    subject: str,
    key: ec.EllipticCurvePrivateKey,
    by: ec.EllipticCurvePrivateKey,
    issuer: str,
    host: str | None,
) -> None:
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.IPAddress(ipaddress.ip_address(host or "127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=host is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(by, hashes.SHA256())
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))


@asynccontextmanager
async def door(path: Path, files: TlsFiles | None) -> AsyncIterator[int]:
    """Listen by TCP and lead to the socket ``path``; with files by TLS, asking for a client's certificate.

    Yields the port.
    """
    context = None
    if files is not None and files.cert is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.cert, files.key)
        context.load_verify_locations(files.ca)
        context.verify_mode = ssl.CERT_REQUIRED
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        client: Stream = SocketStream(reader, writer)
        inner: Stream | None = None
        try:
            if context is not None:
                client = tls = TlsStream(reader, writer, context, None)
                await tls.handshake()
            inner = SocketStream(*await asyncio.open_unix_connection(str(path)))
            await asyncio.gather(_copy(client, inner), _copy(inner, client))
        except UserError:
            return  # refused, or the client has left
        finally:
            await client.close()
            if inner is not None:
                await inner.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        for listening in server.sockets:
            asyncio.get_running_loop().remove_reader(listening.fileno())
        for _ in range(3):  # what was accepted gets its task: CPython 3.11 loses it when a server closes
            await asyncio.sleep(0)
        server.close()
        if tasks:
            await asyncio.wait(tasks, timeout=5)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _copy(source: Stream, target: Stream) -> None:
    while data := await source.read(65536):
        await target.write(data)
    await target.write_eof()
