"""Published ports on Windows, by docker.exe: each address, TCP and UDP, and ports that other programs have."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.e2e.publishing import socat_archive, told_back
from tests.localhost import free_port
from tests.wine.keeping import kept
from tests.wine.windows import DOCKER, IMAGE, Windows

ANSWER = b"here\n"


@contextmanager
def published(windows: Windows, publish: str, script: str) -> Iterator[None]:
    """A container that publishes a port and runs ``script``."""
    windows.docker("run", "-d", "--name", "published", "-p", publish, IMAGE, "sh", "-c", script)
    try:
        yield
    finally:
        windows.docker("rm", "-f", "published")


TCP = "while true; do echo here | nc -l -p 80; done"


def connect(host: str, port: int) -> bytes:
    """All that is answered, once somebody answers."""
    end = time.monotonic() + 30
    while True:
        try:
            with socket.create_connection((host, port), 10) as connection:
                if answer := connection.recv(100):
                    return answer
        except OSError:
            if time.monotonic() > end:
                raise
        assert time.monotonic() < end
        time.sleep(0.2)


@pytest.mark.parametrize(
    ("address", "answering", "silent"),
    [
        ("127.0.0.1", ("127.0.0.1",), ("::1", "127.0.0.2")),
        ("[::1]", ("::1",), ("127.0.0.1",)),
        ("", ("127.0.0.1", "::1", "127.0.0.2"), ()),
        ("0.0.0.0", ("127.0.0.1", "127.0.0.2"), ("::1",)),
    ],
)
def test_each_address(windows: Windows, address: str, answering: tuple[str, ...], silent: tuple[str, ...]) -> None:
    port = free_port()
    with published(windows, f"{address}:{port}:80" if address else f"{port}:80", TCP):
        for host in answering:
            assert connect(host, port) == ANSWER, host
        for host in silent:
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection((host, port), 10).close()


@pytest.mark.parametrize(("address", "host"), [("127.0.0.1:", "127.0.0.1"), ("", "127.0.0.1"), ("[::1]:", "::1")])
def test_datagrams(windows: Windows, address: str, host: str) -> None:
    port = free_port()
    echo = ("socat", "-T30", "UDP4-RECVFROM:7,fork", "EXEC:cat")
    windows.docker("create", "--name", "published", "-p", f"{address}{port}:7/udp", IMAGE, *echo)
    try:
        windows.docker("cp", "-", "published:/", given=socat_archive())
        windows.docker("start", "published")
        assert told_back(host, port, b"anybody?") == b"anybody?"
        assert f"{port}/udp" in windows.slipway("ports").output
    finally:
        windows.docker("rm", "-f", "published")


@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_a_taken_port_fails_the_run_and_names_the_holder(windows: Windows, kind: str) -> None:
    """A program of Windows has it: its name is told."""
    port = free_port()
    lines = (
        "import socket",
        f"taken = socket.socket(type=socket.SOCK_{'STREAM' if kind == 'tcp' else 'DGRAM'})",
        f"taken.bind(('127.0.0.1', {port}))",
        "taken.listen()" if kind == "tcp" else "",
    )
    with kept(windows.wine, "\n".join(lines)):
        done = windows.wine.run([DOCKER, "run", "--rm", "-p", f"127.0.0.1:{port}:80/{kind}", IMAGE, "true"])
        assert done.code == 125, done
        assert str(port) in done.errors
        assert "python.exe" in done.errors, done
    assert windows.docker("run", "--rm", "-p", f"127.0.0.1:{port}:80/{kind}", IMAGE, "echo", "free") == "free\n"


def test_a_random_port(windows: Windows) -> None:
    with published(windows, "127.0.0.1::80", TCP):
        told = windows.docker("port", "published", "80/tcp").strip()
        assert connect("127.0.0.1", int(told.rpartition(":")[2])) == ANSWER


def test_a_restart_keeps_the_port(windows: Windows) -> None:
    port = free_port()
    with published(windows, f"127.0.0.1:{port}:80", TCP):
        assert connect("127.0.0.1", port) == ANSWER
        windows.docker("restart", "-t", "0", "published")
        assert connect("127.0.0.1", port) == ANSWER
