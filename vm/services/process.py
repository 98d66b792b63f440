"""A program of one's own in the place of a service: it outlives this process, and is found again by its record."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path

import psutil

from vm.errors import HostError, MachineError
from vm.files import write_atomically
from vm.host import Host
from vm.qemu.process import QemuProcess, describe_exit, tail
from vm.services.state import LogPart, ServiceState

log = logging.getLogger(__name__)

STOP_SECONDS = 30.0
"""For the program to end after it was asked to."""

NEWEST = 1024 * 1024
"""Bytes of its log that are read at once."""


class ProcessService:
    """Belongs to one event loop.

    :param argv: the program and its arguments.
    :param record: the file that remembers its process.
    :param output: the file for what it prints.
    """

    def __init__(self, argv: Sequence[str], record: Path, output: Path, host: Host) -> None:
        self._argv = tuple(argv)
        self._record = record
        self._output = output
        self._host = host
        self._process: QemuProcess | None = None

    @property
    def title(self) -> str:
        """The program."""
        return f"The program {Path(self._argv[0]).name}"

    async def state(self) -> ServiceState:
        """Whether it runs."""
        return ServiceState.RUNNING if self._running() is not None else ServiceState.STOPPED

    async def start(self) -> None:
        """Start it. :raise HostError: it cannot be started."""
        if self._running() is not None:
            return
        try:
            process = QemuProcess.spawn(self._argv, self._host, self._output, name=Path(self._argv[0]).name)
            kept = json.dumps({"pid": process.pid, "birth": process.birth}).encode()
            await asyncio.to_thread(write_atomically, self._record, kept)
        except (MachineError, OSError) as error:
            raise HostError(f"{self.title} cannot be started", "", str(error)) from error
        self._process = process

    async def stop(self) -> None:
        """Ask it to end, then end it. :raise HostError: it cannot be ended."""
        process = self._running()
        if process is not None:
            try:
                psutil.Process(process.pid).terminate()
                if not await process.wait(STOP_SECONDS):
                    log.warning("%s does not end when asked", self.title)
                    await process.kill()
            except psutil.NoSuchProcess:
                pass  # it has just ended
            except MachineError as error:
                raise HostError(f"{self.title} cannot be ended", error.hint, error.detail) from error
        self._process = None
        self._record.unlink(missing_ok=True)

    async def wait_ended(self) -> str:
        """Wait for its end; with its exit code and its last words. It may have ended before."""
        process = self._started()
        if process is None:
            return "it does not run"
        await asyncio.wait([process.exited])
        said = tail(self._output, 600).strip()
        return "\n".join(filter(None, [describe_exit(process.exited.result()), said]))

    async def log(self, after: int) -> LogPart:
        """What it has printed after that byte; after 0 the last :data:`NEWEST` bytes.

        A file that is shorter is another, and is read as after 0.

        :raise HostError: the file cannot be read.
        """
        return await asyncio.to_thread(self._log, after)

    def _log(self, after: int) -> LogPart:
        try:
            with self._output.open("rb") as stream:
                size = stream.seek(0, os.SEEK_END)
                place = stream.seek(after if 0 < after <= size else max(0, size - NEWEST))
                text = stream.read(NEWEST)
        except FileNotFoundError:
            return LogPart("", 0)
        except OSError as error:
            raise HostError(f"{self._output} cannot be read: {error.strerror}", "", repr(error)) from error
        return LogPart(text.decode(errors="replace").replace("\r\n", "\n"), place + len(text))

    def _running(self) -> QemuProcess | None:
        """The process, while it has not ended."""
        process = self._started()
        return None if process is None or process.exited.done() else process

    def _started(self) -> QemuProcess | None:
        """The process last started, which may have ended; found again by the record of an earlier supervisor's."""
        if self._process is None:
            self._process = self._recorded()
        return self._process

    def _recorded(self) -> QemuProcess | None:
        try:
            kept = json.loads(self._record.read_bytes())
            return QemuProcess.find(int(kept["pid"]), str(kept["birth"]), self._host, Path(self._argv[0]).name)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError) as error:
            log.warning("%s cannot be used: %r", self._record, error)
            return None
