"""Published ports against QEMU's own ``hostfwd``: one container, reached both ways in turns."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.bench.attempts import Say
from tests.bench.busybox import load_busybox
from tests.bench.hostfwd import PEER, lent
from tests.bench.raw import Connection
from tests.bench.report import Aim, Report, Row
from tests.bench.sizes import Sizes
from tests.bench.stats import median, percentile
from tests.bench.subject import Subject
from tests.localhost import free_port

AT_MOST = Aim(1.05, at_least=False)
AT_LEAST = Aim(0.95, at_least=True)
RAW = Aim(2.0, at_least=True)
"""For a raw stream over the fast link, which this is."""

AT_ONCE = 6
"""Connections a browser opens to one host."""

BURST = f"the last of {AT_ONCE} at once"

PERCENT = {"round trips": (50, 99), BURST: (50, 90)}
"""The percentiles reported of times; of rates it is the median."""

SERVERS = {"echo": 7, "send": 8, "take": 9, "web": 80}
SCRIPT = (
    "nc -ll -p 7 -e cat & "
    "httpd -p 80 -h /tmp & "
    "nc -ll -p 8 -e dd if=/dev/zero bs=256k count={pieces} & "
    "nc -ll -p 9 -e sh -c 'cat >/dev/null; echo done' & wait"
)

PIECES = 4
"""Of 256 KiB, in a MiB."""

Way = Callable[[str], socket.socket]
"""Connects to one of :data:`SERVERS`."""


def measure(subject: Subject, report: Report, sizes: Sizes, say: Say) -> None:
    """Throughput both ways, latency of one open connection, and new connections."""
    ports = {name: free_port() for name in SERVERS}
    address = _start_container(subject, ports, SCRIPT.format(pieces=sizes.port_mib * PIECES))

    def ours(server: str) -> socket.socket:
        return socket.create_connection(("127.0.0.1", ports[server]), 60)

    for server, name, measured, aim in (
        ("send", "from the container", _receive, RAW),
        ("take", "to the container", _send, AT_LEAST),
        ("echo", "round trips", _round_trips, AT_MOST),
        ("echo", "new connections", _connections, AT_LEAST),
        ("web", BURST, _at_once, AT_MOST),
    ):
        say(f"ports: {name}")
        with lent(subject.login(), f"{address}:{SERVERS[server]}") as port:

            def theirs(_server: str, port: int = port) -> socket.socket:
                return socket.create_connection(("127.0.0.1", port), 60)

            found: dict[Way, list[float]] = {ours: [], theirs: []}
            for way in (ours, theirs) * sizes.port_rounds:
                found[way] += measured(way, sizes)
        _add(report, name, found[ours], found[theirs], aim)


def _start_container(subject: Subject, ports: dict[str, int], script: str) -> str:
    """Run the servers; the container's address in the machine."""
    image = load_busybox(subject)
    bindings = {
        f"{SERVERS[name]}/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(port)}] for name, port in ports.items()
    }
    with Connection(subject.socket) as connection:
        made = connection.ask_json(
            "POST",
            "/containers/create",
            {
                "Image": image,
                "Cmd": ["sh", "-c", script],
                "ExposedPorts": {name: {} for name in bindings},
                "HostConfig": {"PortBindings": bindings},
            },
        )
        identity = made["Id"]
        connection.ask("POST", f"/containers/{identity}/start")
        told = connection.ask_json("GET", f"/containers/{identity}/json")
    address: str = told["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
    return address


def _receive(way: Way, sizes: Sizes) -> list[float]:
    began = time.perf_counter()
    size = 0
    with way("send") as client:
        while data := client.recv(1 << 18):
            size += len(data)
    if size != sizes.port_mib << 20:
        raise subprocess.SubprocessError(f"{size} bytes came instead of {sizes.port_mib} MiB")
    return [size / 1e6 / (time.perf_counter() - began)]


def _send(way: Way, sizes: Sizes) -> list[float]:
    began = time.perf_counter()
    piece = bytes(1 << 18)
    with way("take") as client:
        for _ in range(sizes.port_mib * PIECES):
            client.sendall(piece)
        client.shutdown(socket.SHUT_WR)
        if client.recv(100) != b"done\n":
            raise subprocess.SubprocessError("the container did not take everything")
    return [sizes.port_mib * 1.048576 / (time.perf_counter() - began)]


def _round_trips(way: Way, sizes: Sizes) -> list[float]:
    took = []
    with way("echo") as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(sizes.round_trips):
            began = time.perf_counter()
            client.sendall(b"x")
            client.recv(1)
            took.append((time.perf_counter() - began) * 1000)
    return took


def _connections(way: Way, sizes: Sizes) -> list[float]:
    """Connections per second, each until its first byte is back."""
    began = time.perf_counter()
    for _ in range(sizes.connections):
        with way("echo") as client:
            client.sendall(b"x")
            client.recv(1)
    return [sizes.connections / (time.perf_counter() - began)]


def _at_once(way: Way, sizes: Sizes) -> list[float]:
    """Ask for a page on several connections at once, again and again; ms until the last has its answer."""
    took = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for _ in range(sizes.bursts):
            began = time.perf_counter()
            list(pool.map(lambda _: _ask_page(way), range(AT_ONCE)))
            took.append((time.perf_counter() - began) * 1000)
    return took


def _ask_page(way: Way) -> None:
    with way("web") as client:
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        if client.recv(4) != b"HTTP":
            raise subprocess.SubprocessError("the container did not answer")


def _add(report: Report, name: str, ours: list[float], theirs: list[float], aim: Aim) -> None:
    unit = "ms" if name in PERCENT else "1/s" if name == "new connections" else "MB/s"
    for percent in PERCENT.get(name, (0,)):
        row = Row(
            "ports",
            f"{name}, p{percent}" if percent else name,
            unit,
            percentile(ours, percent) if percent else median(ours),
            percentile(theirs, percent) if percent else median(theirs),
            PEER,
            aim,
            our_samples=ours,
            their_samples=theirs,
        )
        report.rows.append(row)
