"""Cases for the SFTP daemon on Windows, run as folder_cases.py is: a real process at a real pipe."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from engine.endpoint.local import LocalStream
from engine.folders.daemon_process import DaemonProcess
from engine.folders.sftp import HANDLE, INIT, OPEN, READ, VERSION, text
from engine.folders.wire import FRAME, HELLO, MAGIC
from vm.host import host
from vm.host.paths import Paths


class Guest:
    """The guest's end of one session."""

    def __init__(self, session: int, folder: Path, machine: subprocess.Popen[bytes]) -> None:
        self.session, self.received = session, 0
        order = {"folder": str(folder), "pid": machine.pid, "birth": host().birth(machine.pid)}
        self._order = json.dumps(order).encode() + b"\n"

    async def attach(self, stream: LocalStream) -> tuple[bytes, int, int]:
        """The daemon's hello."""
        self._stream = stream
        await stream.write(self._order + HELLO.pack(MAGIC, self.session, self.received))
        return HELLO.unpack(await self._exactly(HELLO.size))

    async def ask(self, kind: int, body: bytes) -> bytes:
        """The answer to a request, without its length."""
        packet = (len(body) + 1).to_bytes(4, "big") + bytes([kind]) + body
        await self._stream.write(FRAME.pack(len(packet), self.received) + packet)
        size, _ = FRAME.unpack(await self._exactly(FRAME.size))
        answer = await self._exactly(size)
        self.received += size
        return answer[4:]

    async def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = await self._stream.read(size - len(data))
            assert more, "the daemon has ended the connection"
            data += more
        return data


async def files_stay_open(daemon: DaemonProcess, root: Path, machine: subprocess.Popen[bytes]) -> None:
    """From one connection to the next; what a former daemon had open is unknown to this one."""
    (root / "file").write_bytes(b"the same file" * 10_000)
    guest = Guest(1, root, machine)
    stream = await daemon.connect()
    assert await guest.attach(stream) == (MAGIC, 1, 0)
    assert (await guest.ask(INIT, b"\0\0\0\3"))[0] == VERSION
    opened = await guest.ask(OPEN, b"\0\0\0\1" + text(b"file") + b"\0\0\0\1" + bytes(4))
    assert opened[0] == HANDLE
    await stream.close()
    (root / "file").rename(root / "elsewhere")
    (root / "file").write_bytes(b"another one")
    stream = await daemon.connect()
    magic, session, _ = await guest.attach(stream)
    assert (magic, session) == (MAGIC, 1)
    answer = await guest.ask(READ, b"\0\0\0\2" + opened[5:] + bytes(8) + (100_000).to_bytes(4, "big"))
    assert answer[9:] == (b"the same file" * 10_000)[:100_000]
    other = await daemon.connect()
    stranger = Guest(5, root, machine)
    stranger.received = 1000
    assert await stranger.attach(other) == (MAGIC, 0, 0)
    assert await other.read(1) == b""
    await other.close()
    await stream.close()


async def main() -> None:
    """All of it. The daemon ends when its machine does."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:  # the daemon may still have its log open
        base = Path(name)
        paths = Paths(base / "home", base / "cache", pipes=f"_test_{os.getpid()}")
        paths.prepare()
        root = base / "share"
        root.mkdir()
        waits = [sys.executable, "-c", "input()"]
        with subprocess.Popen(waits, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as machine:
            try:
                async with asyncio.timeout(60):
                    await files_stay_open(DaemonProcess(paths, host()), root, machine)
            except BaseException:
                print(paths.folders_log.read_text(encoding="utf-8"))
                raise
            finally:
                machine.communicate(b"\n")
        async with asyncio.timeout(30):
            while "the machine has ended" not in paths.folders_log.read_text(encoding="utf-8"):
                await asyncio.sleep(0.1)
        print("passed files_stay_open")


if __name__ == "__main__":
    asyncio.run(main())
