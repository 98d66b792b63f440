"""The client of the benchmark for Windows: run by Windows' Python for a pipe, and by Linux' for a Unix socket.

``calls PLACE COUNT BLOCKS`` measures the API of an engine; ``alone PLACE COUNT MIB`` measures the endpoint itself,
with a scripted engine behind it in the same process. Prints milliseconds and MB/s as JSON.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench.raw import Connection

TARGETS = {"_ping": "/_ping", "ps": "/containers/json?all=1"}
PIECE = bytes(1 << 18)


def connector(place: Path) -> Callable[[], Any]:
    """What connects to a pipe, or to a Unix socket."""

    def connect() -> Any:
        if sys.platform == "win32":
            from tests.wine.pipe_socket import PipeSocket

            return PipeSocket(place)
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(place))
        return connection

    return connect


def milliseconds(act: Callable[[], object], count: int) -> list[float]:
    took = []
    for _ in range(count):
        began = time.perf_counter()
        act()
        took.append((time.perf_counter() - began) * 1000)
    return took


def calls(connect: Callable[[], Any], targets: dict[str, str], count: int) -> dict[str, list[float]]:
    """Each call on a connection of its own, as the docker command makes it, and on one that is kept."""
    found = {}
    for name, target in targets.items():

        def fresh(target: str = target) -> None:
            with Connection(connect) as connection:
                connection.ask("GET", target)

        fresh()
        found[f"{name}, new connection"] = milliseconds(fresh, count)
        with Connection(connect) as kept:

            def ask(target: str = target, kept: Connection = kept) -> bytes:
                return kept.ask("GET", target)

            ask()
            found[f"{name}, kept connection"] = milliseconds(ask, count)
    return found


def alone(place: Path, count: int, mib: int) -> dict[str, list[float]]:
    """The endpoint and a client, and nothing else."""
    from tests.wine.pipe_stage import Stage

    connect = connector(place)
    size = mib << 20
    with Stage(place) as stage:
        found = calls(connect, {"_ping": "/_ping"}, count)
        for name in ("to the client", "to the engine"):
            began = time.perf_counter()
            with Connection(connect) as connection:
                if name == "to the client":
                    connection.download(f"/much?{size}")
                else:
                    send(connection, size)
            found[name] = [size / 1e6 / (time.perf_counter() - began)]
        sent = stage.engine.sent, stage.engine.received
    if sent != (size, size):
        raise OSError(f"{sent} bytes were carried instead of {size}")
    return found


def send(connection: Connection, size: int) -> None:
    """POST so many bytes."""
    wire = connection._socket  # noqa: SLF001 - of this benchmark's own
    wire.sendall(f"POST /images/load HTTP/1.1\r\nHost: d\r\nContent-Length: {size}\r\n\r\n".encode())
    for _ in range(size // len(PIECE)):
        wire.sendall(PIECE)
    wire.recv(1000)


def main(mode: str, place: str, count: str, mib: str = "0") -> int:
    """Measure and print."""
    path = Path(place)
    measured = (
        calls(connector(path), TARGETS, int(count)) if mode == "calls" else alone(path, int(count), int(mib))
    )
    print(json.dumps(measured))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
