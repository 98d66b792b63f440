"""Run a command in the guest to its end over any carrier: its exit code and stderr follow its output."""

from __future__ import annotations

import asyncio
import secrets

from vm.errors import LinkError
from vm.guest.stream import Carrier, Completed, Stream

SCRIPT = (
    "e=$(mktemp); exec 3<>$e; rm -f $e; ( eval {command} ) 2>&3 3>&-; c=$?;"
    " printf %s%d%s {mark} $c {mark}; cat /proc/$$/fd/3"
)
"""The command, then its exit code between two marks that no output has, then what it wrote to stderr.

The file for that has no name while the command runs, so nothing is left of a command that is cut short.
"""


async def run(carrier: Carrier, command: str, input: bytes, timeout: float) -> Completed:
    """Run ``command`` by the guest's shell; both outputs are kept in memory.

    :param input: what it can read from stdin.
    :raise LinkError: the link broke, or the command did not end within ``timeout`` seconds.
    """
    mark = secrets.token_hex(16)
    quoted = "'" + command.replace("'", "'\\''") + "'"
    stream: Stream | None = None
    output = bytearray()
    try:
        async with asyncio.timeout(timeout):
            stream = await carrier.open_exec(SCRIPT.format(command=quoted, mark=mark))
            feeding = asyncio.create_task(_feed(stream, input))
            try:
                while data := await stream.read(1 << 20):
                    output += data
            finally:
                feeding.cancel()
                await asyncio.gather(feeding, return_exceptions=True)
    except TimeoutError as error:
        raise LinkError(
            f"A command in the machine did not finish within {timeout:g} seconds", detail=command
        ) from error
    finally:
        if stream is not None:
            await stream.close()
    stdout, *rest = bytes(output).split(mark.encode())
    if len(rest) != 2:
        raise LinkError("A command in the machine was cut short", detail=command)
    return Completed(int(rest[0]), stdout, rest[1])


async def _feed(stream: Stream, data: bytes) -> None:
    await stream.write(data)
    await stream.write_eof()
