"""The wire probes of the Unix socket (tests/e2e/wire.py) on the pipe of a running Slipway: run by Windows' Python.

SLIPWAY_TEST_IMAGE names an image with busybox.
"""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from desktop.control.calls import PROTOCOL
from tests.e2e.wire import PROBES, Api, Connect
from tests.wine.pipe_socket import PipeSocket, eventually
from vm.host import host

PATHS = host().paths()
IMAGE = os.environ["SLIPWAY_TEST_IMAGE"]
CONNECT: Connect = PipeSocket
API = Api(PATHS.docker_socket, connect=CONNECT)

globals().update({f"test_{probe.__name__}": partial(probe, API, IMAGE) for probe in PROBES})


def supervisor() -> Any:  # num_handles is there on Windows only
    with PipeSocket(PATHS.control_socket) as client:
        client.sendall(f"GET /v{PROTOCOL}/status HTTP/1.1\r\nHost: s\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while piece := client.recv(65536):
            answer += piece
    return psutil.Process(json.loads(answer.partition(b"\r\n\r\n")[2])["supervisor_pid"])


def test_a_thousand_connections_leave_no_handles() -> None:
    """In the supervisor, by both pipes."""
    process = supervisor()
    default = Api(Path(r"\\.\pipe\docker_engine"), connect=CONNECT)

    def ping(count: int) -> int:
        for number in range(count):
            (API if number % 2 else default).ping()
        return int(process.num_handles())

    before = ping(50)
    after = ping(1000)
    eventually(lambda: abs(int(process.num_handles()) - before) <= 5)
    assert abs(after - before) <= 20, (before, after)
