"""QEMU's programs and its process: found, checked for age, started, watched and ended.

A QEMU is started in a session of its own, so that neither the supervisor's end nor the terminal's Ctrl-C takes
it along; a record (pid and an identity that outlives clock changes) lets the next supervisor find it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from vm.errors import HostError, MachineError
from vm.host import Host, programs
from vm.host.paths import bundled_qemu
from vm.qemu.command import PROGRAMS
from vm.spec import Arch

log = logging.getLogger(__name__)

OLDEST = (7, 2)
"""The oldest QEMU supported: that of Debian 12."""

VARIABLE = "SLIPWAY_QEMU"
"""Names a folder with QEMU's programs, or one program, and goes before every other place."""


@dataclass(frozen=True)
class QemuBinary:
    """A QEMU program and its version."""

    path: Path
    version: tuple[int, int, int]

    def __str__(self) -> str:
        return f"QEMU {'.'.join(map(str, self.version))} ({self.path})"


def find_program(name: str, host: Host) -> Path:
    """Find one of QEMU's programs: SLIPWAY_QEMU, the installed package, the PATH, the usual folders.

    :raise HostError: not found; the hint is the one command which installs it.
    """
    file = host.program_name(name)
    wanted = os.environ.get(VARIABLE)
    folders: list[Path] = []
    if wanted:
        named = Path(wanted).expanduser()
        if named.is_file() and named.name == file:
            return named.absolute()
        folders.append(named if named.is_dir() else named.parent)
    else:
        bundled = bundled_qemu() / file
        found = bundled if bundled.is_file() else shutil.which(file)
        if found:
            return Path(found).absolute()
        folders.extend(host.qemu_folders())
    for folder in folders:
        if os.access(folder / file, os.X_OK):
            return (folder / file).absolute()
    looked = "PATH, " + ", ".join(map(str, folders)) if not wanted else f"{VARIABLE}={wanted}"
    raise HostError(f"{name} was not found", install_hint(host), f"Looked in: {looked}")


def install_hint(host: Host) -> str:
    """The one command that installs QEMU on ``host``; blocks while the package manager is asked."""
    programs = (PROGRAMS[host.arch], "qemu-img")
    installer = host.installer(programs)
    if installer is None:
        return f"Install QEMU 7.2 or newer: the programs {' and '.join(programs)}"
    return f"Install QEMU: {installer.command}"


def find_qemu(arch: Arch, host: Host) -> QemuBinary:
    """The QEMU that emulates ``arch``, with its version.

    :raise HostError: missing, does not run, or older than 7.2.
    """
    path = find_program(PROGRAMS[arch], host)
    try:
        done = subprocess.run(  # takes some 30 ms: not worth a thread
            [path, "--version"],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
            stdin=subprocess.DEVNULL,
            creationflags=programs.NO_WINDOW,
        )
    except (OSError, subprocess.SubprocessError) as error:
        tail = getattr(error, "stderr", "") or str(error)
        raise HostError(f"{path} does not run", install_hint(host), str(tail)) from error
    match = re.search(r"version (\d+)\.(\d+)(?:\.(\d+))?", done.stdout)
    if match is None:
        raise HostError(f"{path} did not print its version", install_hint(host), done.stdout[:500])
    version = (int(match[1]), int(match[2]), int(match[3] or 0))
    if version[:2] < OLDEST:
        raise HostError(
            f"QEMU {match[1]}.{match[2]} is too old: Slipway needs 7.2 or newer",
            f"{install_hint(host)}, or set the folder of a newer one in {VARIABLE}",
            str(path),
        )
    return QemuBinary(path, version)


class QemuProcess:
    """One QEMU process, or one that serves it, started by us or found again.

    :ivar pid: its process id.
    :ivar birth: its identity besides the pid.
    :ivar exited: done when the process has ended; the result is its exit code (None when unknown, because it is
        not our child).
    """

    def __init__(
        self, host: Host, pid: int, birth: str, child: subprocess.Popen[bytes] | None = None, name: str = "QEMU"
    ) -> None:
        self._host = host
        self.name = name
        self.pid = pid
        self.birth = birth
        self._child = child
        self._loop = asyncio.get_running_loop()
        self.exited: asyncio.Future[int | None] = self._loop.create_future()
        # A thread in a blocking wait learns of the end at once, on all systems, for children and strangers alike;
        # being a daemon it does not keep the supervisor from ending while QEMU lives on.
        threading.Thread(target=self._wait, name=f"wait for {name} {pid}", daemon=True).start()

    @classmethod
    def spawn(
        cls, argv: Sequence[str], host: Host, output: Path, descriptors: Sequence[int] = (), name: str = "QEMU"
    ) -> QemuProcess:
        """Start ``argv`` with its output going to the file ``output`` (replaced) and ``descriptors`` inherited.

        :raise MachineError: the program cannot be started.
        """
        log.info("starting %s", " ".join(argv))
        try:
            with output.open("wb") as stream:
                child = programs.detached(
                    list(argv),
                    host.spawn_flags(),
                    stdin=subprocess.DEVNULL,
                    stdout=stream,
                    stderr=subprocess.STDOUT,
                    pass_fds=tuple(descriptors),
                )
        except OSError as error:
            raise MachineError(f"{name} cannot be started: {error.strerror}", detail=str(error)) from error
        # a child that has ended already stays in the process table until waited for, so it has an identity
        return cls(host, child.pid, host.birth(child.pid) or "", child, name)

    @classmethod
    def find(cls, pid: int, birth: str, host: Host, name: str = "QEMU") -> QemuProcess | None:
        """The process ``pid`` if it still lives and has this identity."""
        return cls(host, pid, birth, None, name) if birth and host.birth(pid) == birth else None

    def _wait(self) -> None:
        code: int | None = None
        try:
            code = self._child.wait() if self._child is not None else psutil.Process(self.pid).wait()
        except psutil.Error as error:
            log.debug("waiting for %s: %s", self.pid, error)
        try:
            self._loop.call_soon_threadsafe(self._ended, code)
        except RuntimeError:
            log.debug("%s %s ended after the event loop", self.name, self.pid)

    def _ended(self, code: int | None) -> None:
        log.info("%s %s ended (%s)", self.name, self.pid, describe_exit(code))
        if not self.exited.done():
            self.exited.set_result(code)

    @property
    def alive(self) -> bool:
        """Whether the process has not ended yet."""
        return not self.exited.done() and self._host.birth(self.pid) == self.birth

    @property
    def suspended(self) -> bool:
        """Whether somebody stopped it (SIGSTOP)."""
        try:
            return psutil.Process(self.pid).status() in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)
        except psutil.Error:
            return False

    def cpu_seconds(self) -> float | None:
        """Processor time it has used so far, of all its threads; None when it is gone."""
        try:
            times = psutil.Process(self.pid).cpu_times()
        except psutil.Error:
            return None
        return float(times.user + times.system)

    def wake(self) -> None:
        """Let a suspended process run again."""
        try:
            psutil.Process(self.pid).resume()
        except psutil.Error as error:
            log.warning("QEMU %s cannot be woken: %s", self.pid, error)

    async def wait(self, timeout: float) -> bool:
        """Wait up to ``timeout`` seconds for the end; whether it came."""
        done, _ = await asyncio.wait([self.exited], timeout=timeout)
        return bool(done)

    async def kill(self, timeout: float = 5) -> None:
        """End it at once and wait for that. A suspended process ends too.

        :raise MachineError: it is still there after ``timeout`` seconds.
        """
        if self.alive:
            log.info("killing %s %s", self.name, self.pid)
            try:
                os.kill(self.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
            except ProcessLookupError:
                log.debug("%s %s was gone already", self.name, self.pid)
            except OSError as error:
                what = f"{self.name} (process {self.pid})"
                raise MachineError(f"{what} cannot be ended: {error.strerror}") from error
        if not await self.wait(timeout):
            raise MachineError(
                f"{self.name} (process {self.pid}) does not end",
                "The system may be waiting for a disk. See its state with ps.",
            )


def describe_exit(code: int | None) -> str:
    """An exit code in words; negative codes are signals, as :mod:`subprocess` has them."""
    if code is None:
        return "exit code unknown"
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


def tail(path: Path, limit: int = 4000) -> str:
    """The last ``limit`` bytes of a log, from the start of a line; empty when it cannot be read."""
    try:
        with path.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - limit))
            text = stream.read().decode(errors="replace").replace("\r\n", "\n").replace("\r", "\n")
    except OSError:
        return ""
    return text if size <= limit else text.partition("\n")[2]
