"""What the host is and can do (see base.py); the first of the two places that look at sys.platform.

base.py      the Host protocol and its data        common.py   what the systems answer alike
linux.py     macos.py     windows.py               paths.py    every on-disk name
files_posix.py   the limit of open files, the state of a Unix socket
pipes.py, pipe_client.py   the two ends of Windows' named pipes
tls_channels.py   QEMU's channels there
windows_registry.py   values of Windows' registry
windows_names.py   name servers, with the rules of VPNs
windows_hypervisor.py   whether Windows' hypervisor can run a machine
windows_security.py   who may open what we make there
terminal_posix.py, terminal_windows.py   the terminal that a program was started in
windows_session.py    the session's end and the computer's sleep, as Windows reports them
pipe_connection.py   such pipes for threads           nt.py, nt_status.py   files by Windows' kernel
names.py     names by the system's resolver        proxies.py  the proxy that programs are to use
programs.py  how a program of ours is started     packages.py  which packages bring a program, on Linux
certificates.py   authorities the host trusts and Mozilla does not
docker_address.py   the address that docker reaches the socket by
optional_files.py   reads what no start depends on, and notes what it passes over
lock_posix.py, lock_windows.py   an exclusive lock on an open file, which the kernel drops with its holder
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

from vm.errors import HostError
from vm.host.base import Host, LocalServer, SessionListener, Terminal


def host() -> Host:
    """The host.

    :raise HostError: Slipway does not know the system.
    """
    if sys.platform == "linux":
        from vm.host.linux import LinuxHost

        return LinuxHost()
    if sys.platform == "darwin":
        from vm.host.macos import MacHost

        return MacHost()
    if sys.platform == "win32":
        from vm.host.windows import WindowsHost

        return WindowsHost()
    raise HostError(f"Slipway does not run on {sys.platform}", "It runs on Linux, macOS and Windows.")


def try_lock(descriptor: int) -> bool:
    """Take an exclusive lock on an open file without waiting; it ends with the descriptor or the process.

    :return: False when another process holds it.
    """
    if sys.platform == "win32":
        from vm.host import lock_windows

        return lock_windows.try_lock(descriptor)
    from vm.host import lock_posix

    return lock_posix.try_lock(descriptor)


def allow_many_files() -> int | None:
    """Let this process open as many files as it may, each connection being two.

    :return: how many that is, -1 for any number; None where there is no such limit (Windows).
    """
    if sys.platform == "win32":
        return None
    from vm.host import files_posix

    return files_posix.allow_many_files()


def new_event_loop() -> asyncio.AbstractEventLoop:
    """The loop for a process that carries many connections.

    uvloop's where there is one, which is not on Windows: with it a connection to a published port takes 0.82 ms of
    the processor, with asyncio's 1.38 ms (measured on two cores).
    """
    if sys.platform == "win32":
        return asyncio.new_event_loop()
    import uvloop

    return uvloop.new_event_loop()


def watch_session(listener: SessionListener) -> Callable[[], None]:
    """Report the end of the user's session and the computer's sleep, where the system does so by itself.

    Linux and macOS end a process by SIGTERM; that they slept, ``vm/guest/clock.py`` sees.

    :return: what ends the reports.
    :raise OSError: the system refuses.
    """
    if sys.platform == "win32":
        from vm.host.windows_session import SessionWindow

        return SessionWindow(listener).close
    return lambda: None


def own_terminal() -> Terminal | None:
    """The terminal that standard input and output are; None where they are none, though isatty() may say so."""
    if sys.platform == "win32":
        from vm.host.terminal_windows import find_console

        return find_console()
    else:  # noqa: RET505 - what else is not looked at on Windows
        from vm.host.terminal_posix import PosixTerminal

        return PosixTerminal()


def pipe_server(path: Path) -> LocalServer:
    """What listens at the named pipe ``path``.

    :raise HostError: this system has none.
    """
    if sys.platform == "win32":
        from vm.host.pipes import PipeServer

        return PipeServer(path)
    raise HostError("There are no named pipes on this system", detail=str(path))


def pipe_in_use(path: Path) -> bool:
    """Whether a program has a named pipe ``path``; no connection is made. False where there are none."""
    if sys.platform == "win32":
        from vm.host import pipe_client

        return pipe_client.is_in_use(path)
    return False


def pipe_owner(path: Path) -> str:
    """The program that listens at the named pipe ``path``, in words; empty where that is not told. May block."""
    if sys.platform == "win32":
        from vm.host import pipe_client

        return pipe_client.owner(path)
    return ""


async def end_direction(transport: asyncio.Transport) -> None:
    """End our direction of a client's connection, behind what was written before.

    :raise OSError: the connection is gone.
    """
    if sys.platform == "win32" and not transport.can_write_eof():  # a pipe
        from vm.host import pipes

        await pipes.end_direction(transport)
    else:
        transport.write_eof()


def has_left(transport: asyncio.Transport) -> bool:
    """Whether the other program has closed a connection altogether, which an EOF alone does not tell.

    Of a connection by TCP it is known only on POSIX.
    """
    if sys.platform == "win32":
        from vm.host import pipes

        return transport.get_extra_info("pipe") is not None and pipes.is_gone(transport)
    from vm.host import files_posix

    return files_posix.has_left(transport.get_extra_info("socket"))


__all__ = [
    "Host",
    "LocalServer",
    "SessionListener",
    "allow_many_files",
    "end_direction",
    "has_left",
    "host",
    "new_event_loop",
    "own_terminal",
    "pipe_in_use",
    "pipe_owner",
    "pipe_server",
    "try_lock",
    "watch_session",
]
