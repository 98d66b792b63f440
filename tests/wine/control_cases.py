"""What clients do to the control API's pipe while a supervisor serves it: run by Windows' Python."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import psutil

from desktop.control.calls import PROTOCOL
from desktop.control.client import ControlClient, own_paths
from tests.wine.pipe_socket import PipeSocket, eventually

PATH = own_paths().control_socket
STATUS = f"GET /v{PROTOCOL}/status HTTP/1.1\r\nHost: slipway\r\nConnection: close\r\n\r\n".encode()


def status() -> dict[str, object]:
    with PipeSocket(PATH) as client:
        client.sendall(STATUS)
        answer = b""
        while piece := client.recv(65536):
            answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), head
    told: dict[str, object] = json.loads(body)
    return told


def supervisor() -> Any:  # num_handles is there on Windows only
    number = status()["supervisor_pid"]
    assert isinstance(number, int)
    return psutil.Process(number)


def test_a_hundred_at_once() -> None:
    gate = threading.Barrier(100)

    def one(_: int) -> object:
        gate.wait()
        return status()["state"]

    with ThreadPoolExecutor(100) as crowd:
        assert set(crowd.map(one, range(100))) == {"running"}


def test_a_hundred_by_our_own_client() -> None:
    async def ask() -> set[str]:
        async with ControlClient(own_paths()) as client:
            return {one.state.value for one in await asyncio.gather(*(client.status() for _ in range(100)))}

    assert asyncio.run(ask()) == {"running"}


def test_garbage() -> None:
    for noise in (os.urandom(4096) + b"\r\n\r\n", b"\0" * 100, b"GET " + b"/" * 1_000_000 + b"\r\n\r\n"):
        with PipeSocket(PATH, 20) as client:
            try:
                client.sendall(noise)
                answer = client.recv(65536)
            except ConnectionResetError:
                answer = b""
        assert not answer or answer.startswith(b"HTTP/1.0 400 "), answer[:200]
        assert status()["state"] == "running"


def test_bodies_that_are_no_requests() -> None:
    for body in (b"{", b"[]", b'{"changes": 7}', b"[" * 100_000):
        head = f"POST /v{PROTOCOL}/settings HTTP/1.1\r\nHost: slipway\r\nContent-Length: {len(body)}\r\n\r\n"
        with PipeSocket(PATH, 20) as client:
            client.sendall(head.encode() + body)
            answer = client.recv(65536)
        assert answer.split()[1] in (b"400", b"404", b"405"), answer


def test_half_requests_delay_nobody() -> None:
    with ExitStack() as crowd:
        for _ in range(100):
            client = PipeSocket(PATH)
            crowd.callback(client.close)
            client.sendall(b"GET /v1/status HTTP/1.1\r\nX-Slow: ")
        started = time.monotonic()
        assert status()["state"] == "running"
        assert time.monotonic() - started < 5


def test_who_leaves_at_any_moment_leaves_nothing() -> None:
    """The supervisor's handles are as many as before."""
    process = supervisor()

    def handles() -> int:
        return int(process.num_handles())

    def leave(count: int) -> None:
        for number in range(count):
            with PipeSocket(PATH) as client:
                client.sendall(STATUS[: number % (len(STATUS) + 1)])
                if number % 3 == 0:
                    client.shutdown(socket.SHUT_WR)
        status()

    leave(50)
    time.sleep(1)
    before = handles()
    leave(500)
    eventually(lambda: abs(handles() - before) <= 5)
