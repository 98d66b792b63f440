"""What clients do to the endpoint's pipe, well-behaved and not: run by Windows' Python (case_runner.py)."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import psutil

from tests.wine.pipe_socket import PipeSocket, eventually
from tests.wine.pipe_stage import OK, PATTERN, PIECE, PING, Stage, exactly, rest

MIB = 1024 * 1024


def test_an_end_in_each_direction_by_itself() -> None:
    """Messages of no bytes: the engine sees the client's end and speaks; then the client sees the engine's."""
    with Stage() as stage, stage.upgraded() as client:
        client.sendall(b"x" * 300_000)
        client.shutdown(socket.SHUT_WR)
        assert rest(client) == b"x" * 300_000 + b"AFTER"
        assert client.ended == "message"
        assert client.recv(1) == b""
        assert client.ended == "closed"
        assert stage.engine.ends == 1
        eventually(stage.is_clean)


def test_no_end_is_invented() -> None:
    with Stage() as stage, stage.upgraded() as client:
        for word in (b"ping", b"pong"):
            client.sendall(word)
            assert exactly(client, 4) == word
            client.settimeout(1.0)
            assert raises(TimeoutError, lambda: client.recv(1))
            client.settimeout(60.0)
        assert (stage.engine.ends, stage.connections) == (0, 1)


def test_more_than_one_end() -> None:
    """Only the first one counts, and what comes behind it reaches nobody."""
    with Stage() as stage, stage.upgraded() as client:
        client.sendall(b"a")
        assert exactly(client, 1) == b"a"
        for _ in range(3):
            client.shutdown(socket.SHUT_WR)
        assert rest(client) == b"AFTER"
        assert stage.engine.ends == 1
        eventually(stage.is_clean)
        stage.ping()


def test_an_upgrade_to_http2() -> None:
    with Stage() as stage, stage.upgraded(b"h2c") as client:
        preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"
        client.sendall(preface)
        assert exactly(client, len(preface)) == preface


def test_messages_of_any_size() -> None:
    """A pipe that carries messages is read as a stream of bytes: nothing is lost at their borders."""
    sizes = [1, 2, 3, 4095, 4096, 4097, 65535, 65536, 65537, 300_001, 1, 1_000_000]
    data = b"".join(os.urandom(size) for size in sizes)
    got = bytearray()
    with Stage() as stage, stage.upgraded() as client:
        reader = threading.Thread(target=lambda: got.extend(exactly(client, len(data))))
        reader.start()
        place = 0
        for size in sizes:
            client.sendall(data[place : place + size])
            place += size
        reader.join()
    assert bytes(got) == data


def test_large_bodies_both_ways() -> None:
    size = 64 * MIB
    with Stage() as stage:
        with stage.client() as client:
            client.sendall(b"POST /images/load HTTP/1.1\r\nHost: d\r\nContent-Length: %d\r\n\r\n" % size)
            digest = hashlib.sha256()
            for _ in range(size // len(PATTERN)):
                client.sendall(PATTERN)
                digest.update(PATTERN)
            answer = exactly(client, 39 + 64)
            assert answer.endswith(digest.hexdigest().encode()), answer
        with stage.client() as client:
            client.sendall(b"GET /much?%d HTTP/1.1\r\nHost: d\r\n\r\n" % size)
            until_body(client)
            got, left = hashlib.sha256(), size
            while left:
                piece = client.recv(min(left, MIB))
                assert piece
                got.update(piece)
                left -= len(piece)
        assert got.digest() == digest.digest()


def until_body(client: PipeSocket) -> None:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += exactly(client, 1)


def test_two_hundred_at_once() -> None:
    """More clients than instances: who finds none waits for one (ERROR_PIPE_BUSY, WaitNamedPipe)."""
    gate = threading.Barrier(200)
    waited: list[int] = []

    def one(_: int) -> None:
        gate.wait()
        with stage.client() as client:
            waited.append(client.waited)
            client.sendall(PING)
            assert exactly(client, len(OK)) == OK

    with Stage() as stage:
        with ThreadPoolExecutor(200) as crowd:
            assert len(list(crowd.map(one, range(200)))) == 200
        assert max(waited) > 0, "there were instances enough: this tries nothing"
        eventually(stage.is_clean)


def test_requests_behind_one_another() -> None:
    with Stage() as stage, stage.client() as client:
        client.sendall(PING * 100)
        assert exactly(client, 100 * len(OK)) == OK * 100


def test_requests_in_single_bytes() -> None:
    with Stage() as stage, stage.client() as client:
        for number in range(len(PING)):
            client.sendall(PING[number : number + 1])
        assert exactly(client, len(OK)) == OK


def test_garbage() -> None:
    with Stage() as stage:
        for noise in (os.urandom(4096) + b"\r\n\r\n", b"\0" * 100, b"\r\n" * 5000, b"GET " + b"/" * 2 * MIB):
            with stage.client(20) as client:
                try:
                    client.sendall(noise)
                    client.shutdown(socket.SHUT_WR)
                    answer = rest(client)
                except ConnectionResetError:
                    answer = b""
            assert not answer or answer.startswith(b"HTTP/1.1 400 "), answer[:100]
            stage.ping()
        eventually(stage.is_clean)


def test_half_requests_delay_nobody() -> None:
    with Stage() as stage, ExitStack() as crowd:
        for _ in range(100):
            crowd.enter_context(stage.client()).sendall(b"GET /_ping HTTP/1.1\r\nX-Slow: ")
        started = time.monotonic()
        stage.ping()
        assert time.monotonic() - started < 2
        crowd.close()
        eventually(stage.is_clean)


def test_who_leaves_at_once() -> None:
    with Stage() as stage:
        for _ in range(100):
            stage.client().close()
        stage.ping()
        eventually(stage.is_clean)


def test_who_leaves_in_the_middle_of_a_body() -> None:
    with Stage() as stage:
        with stage.client() as client:
            client.sendall(
                b"POST /images/load HTTP/1.1\r\nHost: d\r\nContent-Length: 1000000000\r\n\r\n" + PATTERN
            )
            eventually(lambda: stage.engine.received > 100_000)
            assert stage.engine.open == 1
        eventually(stage.is_clean, 5)
        stage.ping()


def test_who_leaves_in_the_middle_of_an_answer() -> None:
    with Stage() as stage:
        with stage.client() as client:
            client.sendall(b"GET /much?1000000000 HTTP/1.1\r\nHost: d\r\n\r\n")
            exactly(client, 100_000)
        eventually(stage.is_clean, 5)


def test_who_leaves_after_the_end_of_its_direction() -> None:
    """Nothing reads from it any more, so that is looked for now and then."""
    with Stage() as stage:
        with stage.client() as client:
            client.sendall(UNFINISHED)
            client.shutdown(socket.SHUT_WR)
            time.sleep(0.2)
        eventually(stage.is_clean, 15)


UNFINISHED = b"GET /much?1000000000 HTTP/1.1\r\nHost: d\r\n\r\n"


def test_who_never_reads() -> None:
    """It costs a bounded amount of memory, and nobody else notices."""
    with Stage() as stage, ExitStack() as crowd:
        before = psutil.Process().memory_info().rss
        for _ in range(20):
            crowd.enter_context(stage.client()).sendall(UNFINISHED)
        eventually(lambda: stage.engine.open == 20)
        sent = -1
        while sent != stage.engine.sent:  # until it stands still
            sent = stage.engine.sent
            time.sleep(0.5)
            stage.ping()
        grown = psutil.Process().memory_info().rss - before
        assert 20 * PIECE < sent < 100 * MIB, sent
        assert grown < 150 * MIB, grown
        crowd.close()
        eventually(stage.is_clean)


def test_a_thousand_in_a_row_leave_nothing() -> None:
    process: Any = psutil.Process()  # num_handles is there on Windows only
    with Stage() as stage:

        def round_of(count: int) -> int:
            for number in range(count):
                with stage.client() as client:
                    client.sendall(PING)
                    assert exactly(client, len(OK)) == OK
                    if number % 3 == 0:
                        client.shutdown(socket.SHUT_WR)
                        assert rest(client) == b""
            eventually(stage.is_clean)
            return int(process.num_handles())

        before = round_of(50)
        after = round_of(1000)
        assert abs(after - before) <= 3, (before, after)


def raises(kind: type[BaseException], act: object) -> bool:
    assert callable(act)
    try:
        act()
    except kind:
        return True
    return False
