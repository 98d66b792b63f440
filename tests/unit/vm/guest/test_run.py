"""A command run to its end, over a carrier that starts BusyBox' shell with the one line a header can have."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from installers.checkout import system
from vm.errors import LinkError
from vm.guest.link import one_line
from vm.guest.run import run

pytestmark = pytest.mark.both_loops


class ShellStream:
    """A process's stdin and stdout."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process, self._in, self._out = process, process.stdin, process.stdout

    async def read(self, limit: int) -> bytes:
        return await self._out.read(limit)

    async def write(self, data: bytes) -> None:
        try:
            self._in.write(data)
            await self._in.drain()
        except ConnectionError as error:
            raise LinkError("the command reads no more") from error

    async def write_eof(self) -> None:
        self._in.close()

    async def close(self) -> None:
        self._in.close()
        with contextlib.suppress(ProcessLookupError):  # it has ended by itself
            os.killpg(self.process.pid, signal.SIGHUP)  # as the agent does
        await self.process.wait()
        await self._out.read()  # its end: the loop may be closed next


class Shell:
    """As much of a Carrier as :func:`run` needs."""

    async def open_unix(self, path: str) -> ShellStream:
        raise AssertionError("not asked for")

    async def open_tcp(self, address: str, port: int) -> ShellStream:
        raise AssertionError("not asked for")

    async def open_udp(self, address: str, port: int) -> ShellStream:
        raise AssertionError("not asked for")

    async def open_accept(self, path: str) -> ShellStream:
        raise AssertionError("not asked for")

    async def open_exec(self, command: str) -> ShellStream:
        busybox = system.find_static_busybox()
        assert busybox is not None
        pipe = asyncio.subprocess.PIPE
        argv = (str(busybox), "sh", "-c", one_line(command))
        return ShellStream(
            await asyncio.create_subprocess_exec(*argv, stdin=pipe, stdout=pipe, start_new_session=True)
        )


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    """However a command ends, it leaves no file."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    yield Shell()
    assert not list(tmp_path.iterdir())


async def test_status_and_both_outputs(shell: Shell) -> None:
    done = await run(shell, "cat; echo oops >&2; exit 7", b"hello", 20)
    assert (done.exit_code, done.stdout, done.stderr) == (7, b"hello", b"oops\n")


async def test_quotes_and_several_lines(shell: Shell) -> None:
    done = await run(shell, "echo \"it's\"\nprintf 'a\\nb\\\\' >&2\nfalse", b"", 20)
    assert (done.exit_code, done.stdout, done.stderr) == (1, b"it's\n", b"a\nb\\")


async def test_bytes_of_any_value(shell: Shell) -> None:
    data = os.urandom(300_000)
    assert (await run(shell, "cat", data, 60)).stdout == data


async def test_a_command_that_ignores_its_input(shell: Shell) -> None:
    done = await run(shell, "echo early", bytes(1 << 20), 20)
    assert (done.exit_code, done.stdout) == (0, b"early\n")


async def test_too_long(shell: Shell) -> None:
    with pytest.raises(LinkError, match=r"did not finish within 0\.3 seconds"):
        await run(shell, "sleep 30", b"", 0.3)


async def test_cut_short(shell: Shell) -> None:
    with pytest.raises(LinkError, match="cut short"):
        await run(shell, "kill -9 $$", b"", 20)
