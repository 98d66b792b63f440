"""One ssh process as a stream: its standard input and output, each with its own end, and why it ended."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence

from engine.client.errors import SshFailed
from vm.errors import LinkError
from vm.host.programs import NO_WINDOW

TAIL = 8 * 1024
"""Bytes kept of what ssh says."""

Explain = Callable[[int, str], SshFailed]
"""Makes the error for an exit code and what was said on standard error."""


class SshStream:
    """See :class:`vm.guest.stream.Stream`. A process that ends in failure before it has said anything is an
    error.
    """

    def __init__(self, process: asyncio.subprocess.Process, explain: Explain) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process = process
        self._in, self._out = process.stdin, process.stdout
        self._explain = explain
        self._said = bytearray()
        self._listening = asyncio.create_task(self._listen())
        self._first = True

    @classmethod
    async def start(cls, argv: Sequence[str], environment: Mapping[str, str], explain: Explain) -> SshStream:
        """Run ssh. :raise OSError: it cannot be run."""
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            env=dict(environment),
            creationflags=NO_WINDOW,
            start_new_session=True,  # without our terminal, where older versions would ask
        )
        return cls(process, explain)

    @property
    def ended(self) -> bool:
        """Whether it is of no use any more."""
        return self.process.returncode is not None or self._out.at_eof()

    async def read(self, limit: int) -> bytes:
        data = await self._out.read(limit)
        if not data and self._first:
            code = await self.process.wait()
            await self._listening
            if code:
                raise self._explain(code, self._said.decode(errors="replace").strip())
        self._first = False
        return data

    async def write(self, data: bytes) -> None:
        if self._in.is_closing():  # ssh has ended, and uvloop's pipe would raise an error of its own
            raise LinkError("The connection over ssh broke")
        try:
            self._in.write(data)
            await self._in.drain()
        except OSError as error:
            raise LinkError("The connection over ssh broke", detail=str(error)) from error

    async def write_eof(self) -> None:
        self._in.close()
        with contextlib.suppress(OSError):  # it has ended by itself; reading says why
            await self._in.wait_closed()

    async def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()
        self._in.close()
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)

    async def _listen(self) -> None:
        assert self.process.stderr is not None
        while data := await self.process.stderr.read(TAIL):
            self._said += data
            del self._said[:-TAIL]
