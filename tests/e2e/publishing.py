"""What the tests of published ports share: asking a port, and what Slipway reports of them."""

from __future__ import annotations

import contextlib
import errno
import functools
import http.client
import io
import json
import re
import shutil
import socket
import subprocess
import tarfile
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing

from tests.e2e.cli import Program
from tests.e2e.conftest import RunningMachine

WEB = ("sh", "-c", "mkdir -p /w; echo here >/w/index.html; exec httpd -f -p 80 -h /w")


RETRIED_SECONDS = 30.0
"""Within which a port that was taken is had after it is free: it is tried every five."""


def fetch(address: str, port: int) -> str:
    shown = f"[{address}]" if ":" in address else address
    with urllib.request.urlopen(f"http://{shown}:{port}/index.html", timeout=30) as reply:
        text: str = reply.read().decode().strip()
        return text


def answered(address: str, port: int, seconds: float = 30.0) -> str:
    """The first answer of a container that has just been started: its port is there before its server is."""
    end = time.monotonic() + seconds
    while True:
        try:
            return fetch(address, port)
        except (http.client.RemoteDisconnected, ConnectionResetError, urllib.error.URLError) as error:
            cut = getattr(error, "reason", error)  # urllib wraps what happens while it sends
            if (
                not isinstance(cut, http.client.RemoteDisconnected | ConnectionResetError)
                or time.monotonic() > end
            ):
                raise


def family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def refused(address: str, port: int) -> bool:
    with closing(socket.socket(family(address))) as probe:
        probe.settimeout(10)
        return probe.connect_ex((address, port)) != 0


@contextlib.contextmanager
def taken(ports: Iterable[int], address: str = "127.0.0.1") -> Iterator[None]:
    """This process listens there while the block runs.

    A port that the host has connected from is not free for a minute after (TIME-WAIT, RFC 9293): that is
    waited for.
    """
    with contextlib.ExitStack() as servers:

        def listens(port: int) -> bool:
            try:
                servers.enter_context(closing(socket.create_server((address, port))))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                return False
            return True

        for port in ports:
            eventually(functools.partial(listens, port), 90)
        yield


def has_ipv6() -> bool:
    try:
        with closing(socket.socket(socket.AF_INET6)) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def published(machine: RunningMachine) -> dict[str, str]:
    """Address → why it is not listened on, of every published port."""
    told = json.loads(machine.slipway("ports", "--json"))
    return {f"{item['address']} {item['port']} {item['protocol']}": item["failure"] for item in told}


def socat_archive() -> bytes:
    """The host's socat: a small image has nothing that answers datagrams."""
    return program_archive("socat")


def program_archive(name: str) -> bytes:
    """A program of the host's with its libraries, to be unpacked in a container."""
    program = shutil.which(name)
    assert program, f"{name} is missing: python3 installers/dev.py setup"
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", dereference=True) as tar:
        for path in (program, *re.findall(r"/[^ ]+", listed)):
            tar.add(path)
    return made.getvalue()


def told_back(address: str, port: int, said: bytes) -> bytes:
    """What a server of datagrams says; some may be lost, and it takes a moment to begin."""
    with closing(socket.socket(family(address), socket.SOCK_DGRAM)) as client:
        client.settimeout(2)
        client.connect((address, port))
        for _ in range(15):
            with contextlib.suppress(TimeoutError, ConnectionRefusedError):
                client.send(said)
                return client.recv(65536)
    return b""


def port_of(docker: Program, container: str, inside: str = "80") -> int:
    """Where a container's port is."""
    return int(docker("port", container, inside).split()[0].rpartition(":")[2])
