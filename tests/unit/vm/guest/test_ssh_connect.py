"""SshLink and a real OpenSSH server: getting in, being kept out, and leaving nothing of a failed attempt."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

import psutil
import pytest
from paramiko import Transport

from tests.localhost import free_port
from tests.unit.sshd import Sshd, eventually, make_key, running_sshd
from vm.errors import LinkError
from vm.guest.ssh import SshLink

pytestmark = pytest.mark.both_loops

P = ParamSpec("P")
T = TypeVar("T")


@pytest.fixture
async def server() -> AsyncIterator[Sshd]:
    async with running_sshd() as running:
        yield running


async def test_nobody_listens_on_the_port() -> None:
    async with running_sshd() as other:
        with pytest.raises(LinkError, match="cannot be reached"):
            await SshLink.connect(
                "127.0.0.1", free_port(), user="root", key=other.key, host_key=other.host_key, timeout=5
            )


async def test_a_silent_port_ends_at_the_deadline(server: Sshd) -> None:
    """QEMU's user network accepts for a guest that is not up yet, and then says nothing."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        started = asyncio.get_running_loop().time()
        with pytest.raises(LinkError, match=r"did not answer within 0\.5 seconds"):
            await SshLink.connect(
                "127.0.0.1",
                silent.getsockname()[1],
                user="root",
                key=server.key,
                host_key=server.host_key,
                timeout=0.5,
            )
        assert asyncio.get_running_loop().time() - started < 3


async def test_a_port_that_hangs_up_at_once(server: Sshd) -> None:
    async def slam(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    refusing = await asyncio.start_server(slam, "127.0.0.1", 0)
    port = refusing.sockets[0].getsockname()[1]
    with pytest.raises(LinkError, match="cannot be reached"):
        await SshLink.connect("127.0.0.1", port, user="root", key=server.key, host_key=server.host_key, timeout=5)
    refusing.close()


async def test_another_host_key_is_refused(server: Sshd, tmp_path: Path) -> None:
    make_key(tmp_path / "other")
    with pytest.raises(LinkError, match="host key is wrong"):
        await server.link(host_key=tmp_path / "other.pub")


async def test_a_key_that_is_not_ours_is_refused(server: Sshd, tmp_path: Path) -> None:
    with pytest.raises(LinkError, match="does not accept Slipway's key"):
        await server.link(key=make_key(tmp_path / "other"))


@pytest.mark.parametrize("content", [None, "", "ssh-ed25519", "ssh-ed25519 not*base64 me"])
async def test_unusable_pinned_key(server: Sshd, tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "pinned.pub"
    if content is not None:
        path.write_text(content)
    with pytest.raises(LinkError, match="pinned host key cannot be read"):
        await server.link(host_key=path)


async def test_unusable_private_key(server: Sshd, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("nonsense")
    with pytest.raises(LinkError, match="private key for the machine cannot be read"):
        await server.link(key=tmp_path / "key")


async def test_failed_and_cancelled_attempts_leave_nothing(server: Sshd, tmp_path: Path) -> None:
    other = make_key(tmp_path / "other")
    await asyncio.gather(server.link(key=other), return_exceptions=True)  # whatever is made once is made now
    gc.collect()
    threads, files = threading.active_count(), psutil.Process().num_fds()
    for delay in (0.0, 0.005, 0.02, 0.05):
        attempt = asyncio.create_task(server.link())
        await asyncio.sleep(delay)
        attempt.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await (await attempt).close()
    with pytest.raises(LinkError):
        await server.link(key=other)
    await eventually(lambda: not any(isinstance(thread, Transport) for thread in threading.enumerate()))
    gc.collect()
    assert psutil.Process().num_fds() <= files
    assert threading.active_count() <= threads + 4  # the loop's own workers


class CountingExecutor(ThreadPoolExecutor):
    """Counts what it is given."""

    submitted = 0

    def submit(self, work: Callable[P, T], /, *arguments: P.args, **options: P.kwargs) -> Future[T]:
        self.submitted += 1
        return super().submit(work, *arguments, **options)


async def test_an_attempt_cancelled_before_its_handshake_begins_closes_its_socket(server: Sshd) -> None:
    """paramiko's close() does nothing for a transport that has not been started: the socket is ours to close."""
    with CountingExecutor(1) as busy:
        asyncio.get_running_loop().set_default_executor(busy)
        blocked, go_on = threading.Event(), threading.Event()

        def block() -> None:
            blocked.set()
            go_on.wait()

        files = psutil.Process().num_fds()
        attempt = asyncio.create_task(server.link())
        await asyncio.sleep(0)  # its dialling is in the queue, before what blocks the only worker
        blocking = asyncio.get_running_loop().run_in_executor(None, block)
        await eventually(lambda: blocked.is_set() and busy.submitted == 3)  # the handshake is queued
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt
        left = psutil.Process().num_fds()
        go_on.set()
        await blocking
        assert left == files
