"""A shell over SSH with a real OpenSSH server: pipes, exit codes, errors, large amounts, a terminal, its size."""

from __future__ import annotations

import asyncio
import fcntl
import getpass
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.localhost import free_port
from tests.unit.sshd import Sshd, make_key, running_sshd
from vm.errors import LinkError
from vm.guest.keys import write_known_hosts
from vm.guest.shell import Entrance, run_shell

SCRIPT = """
import sys
from pathlib import Path
from vm.guest.shell import Entrance, run_shell
from vm.host import own_terminal
port, user, key, known_hosts, *command = sys.argv[1:]
in_terminal = sys.stdin.isatty() and sys.stdout.isatty()
entrance = Entrance("127.0.0.1", int(port), user, Path(key), Path(known_hosts))
sys.exit(run_shell(entrance, command[0] if command else None, own_terminal() if in_terminal else None))
"""

SECONDS = 60


class Shell:
    """A way to that server. :ivar argv: runs a shell, or the command that follows."""

    def __init__(self, server: Sshd) -> None:
        self.known_hosts = server.folder / "known_hosts"
        write_known_hosts(self.known_hosts, server.host_key, server.port)
        self.entrance = Entrance("127.0.0.1", server.port, getpass.getuser(), server.key, self.known_hosts)
        self.argv = [sys.executable, "-c", SCRIPT, str(server.port), getpass.getuser(), str(server.key)]
        self.argv.append(str(self.known_hosts))

    def run(self, *command: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [*self.argv, *command], input=given, capture_output=True, timeout=SECONDS, check=False
        )


@pytest.fixture
async def server() -> AsyncIterator[Sshd]:
    async with running_sshd() as running:
        yield running


async def test_a_command(server: Sshd) -> None:
    shell = Shell(server)
    done = await asyncio.to_thread(shell.run, "echo out; echo err >&2; exit 7")
    assert (done.returncode, done.stdout, done.stderr) == (7, b"out\n", b"err\n")


async def test_input_and_its_end(server: Sshd) -> None:
    done = await asyncio.to_thread(Shell(server).run, "cat; echo after", given=b"fed\n")
    assert (done.returncode, done.stdout) == (0, b"fed\nafter\n")


async def test_a_script_for_the_shell(server: Sshd) -> None:
    done = await asyncio.to_thread(Shell(server).run, given=b"echo $((6*7)); exit 3\n")
    assert done.returncode == 3
    assert b"42" in done.stdout


async def test_much_both_ways(server: Sshd) -> None:
    data = os.urandom(3_000_000)
    done = await asyncio.to_thread(Shell(server).run, "cat", given=data)
    assert done.returncode == 0
    assert done.stdout == data


async def test_a_command_that_reads_nothing(server: Sshd) -> None:
    done = await asyncio.to_thread(Shell(server).run, "exec 0<&-; exit 5", given=bytes(3_000_000))
    assert done.returncode == 5


async def test_a_command_ended_by_a_signal(server: Sshd) -> None:
    assert (await asyncio.to_thread(Shell(server).run, "kill -9 $$")).returncode == 255


async def test_a_reader_that_has_ended(server: Sshd) -> None:
    argv = [*Shell(server).argv, "yes"]
    process = await asyncio.to_thread(
        subprocess.run,
        ["/bin/sh", "-c", '"$@" 2>/dev/null | head -n 1', "sh", *argv],
        capture_output=True,
        timeout=SECONDS,
        check=True,
    )
    assert process.stdout == b"y\n"


async def test_the_server_dies(server: Sshd) -> None:
    process = subprocess.Popen([*Shell(server).argv, "echo here; sleep 100"], stdout=subprocess.PIPE)
    assert process.stdout
    assert await asyncio.to_thread(process.stdout.readline) == b"here\n"
    server.signal(signal.SIGKILL)
    assert await asyncio.to_thread(process.wait, SECONDS) == 255
    process.stdout.close()


class Window:
    """A terminal with a shell in it."""

    def __init__(self, shell: Shell) -> None:
        self._master, inside = pty.openpty()
        self.resize(30, 100)
        environment = {**os.environ, "TERM": "vt100", "COLUMNS": "7", "LINES": "5"}  # as some shells export them
        self.process = subprocess.Popen(
            shell.argv,
            env=environment,
            stdin=inside,
            stdout=inside,
            stderr=inside,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        self._modes = termios.tcgetattr(inside)
        self._inside = inside
        self.shown = b""

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def expect(self, words: bytes) -> None:
        while words not in self.shown:
            assert select.select([self._master], [], [], SECONDS)[0], self.shown
            self.shown += os.read(self._master, 65536)

    def type(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def close(self) -> None:
        """See that the terminal is as it was."""
        assert termios.tcgetattr(self._inside) == self._modes
        os.close(self._inside)
        os.close(self._master)


async def test_in_a_terminal(server: Sshd) -> None:
    shell = Shell(server)

    def use() -> int:
        window = Window(shell)
        window.type(b"echo $((6*7)) $TERM; stty size\n")
        window.expect(b"42 vt100")
        window.expect(b"30 100")
        window.resize(40, 120)
        window.process.send_signal(signal.SIGWINCH)
        window.type(b"sleep 0.3; stty size\n")
        window.expect(b"40 120")
        window.type(b"sh -c 'echo beg\"\"un; exec sleep 100'\n")  # said by what is to be interrupted
        window.expect(b"begun\r\n")
        window.type(b"\x03")
        window.type(b"echo inter''rupted; exit 4\n")
        window.expect(b"interrupted")
        code: int = window.process.wait(SECONDS)
        window.close()
        return code

    assert await asyncio.wait_for(asyncio.to_thread(use), 2 * SECONDS) == 4


async def test_another_server(server: Sshd, tmp_path: Path) -> None:
    shell = Shell(server)
    make_key(tmp_path / "other")
    write_known_hosts(shell.known_hosts, tmp_path / "other.pub", server.port)
    with pytest.raises(LinkError, match="host key is wrong"):
        await asyncio.to_thread(run_shell, shell.entrance, "true", None)
    shell.known_hosts.write_text("")
    with pytest.raises(LinkError, match="host key is wrong"):
        await asyncio.to_thread(run_shell, shell.entrance, "true", None)


async def test_no_server(server: Sshd, tmp_path: Path) -> None:
    shell = Shell(server)
    nobody = Entrance("127.0.0.1", free_port(), "root", server.key, shell.known_hosts)
    with pytest.raises(LinkError, match="cannot be reached"):
        await asyncio.to_thread(run_shell, nobody, "true", None)
    refused = Entrance("127.0.0.1", server.port, getpass.getuser(), make_key(tmp_path / "k"), shell.known_hosts)
    with pytest.raises(LinkError, match="refuses us"):
        await asyncio.to_thread(run_shell, refused, "true", None)
