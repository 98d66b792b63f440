"""A stand-in for QEMU: takes its command line, opens its two channels, behaves as FAKE_QEMU says.

Run as a program, with the standard library only, so that it starts in some 30 ms. FAKE_QEMU holds JSON:

    stages        the stages to tell, in order (default: all a machine needs)
    console       what the guest prints on its console
    fail          [NAME, TEXT]: after the stages, tell this failure
    die           [SECONDS, CODE, TEXT]: end like this after that long
    die_first     how many times to end at once, complaining that the port is taken (counted in the file "count")
    panic_first   how many times to end as a machine does whose kernel panics while it starts (counted likewise)
    kill_first    [TIMES, SECONDS, SIGNAL]: how often to end by this signal after that long, with one stage told
    hang_first    how often to report no stage but the first
    fast_first    how often the guest's clock goes far too fast; without it the guest reports no uptime
    mute          never open the channels
    no_shares     end at once when folders are shared by virtiofs
    deaf          ignore these: "poweroff", "quit", "query-status", "ping", "clock", "grow"
    refuse        answer these control commands with an error
    status        the run state to begin with
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

plan: dict[str, Any] = json.loads(os.environ.get("FAKE_QEMU", "{}"))
DEAF = plan.get("deaf", [])


def console_file() -> Path:
    wanted = "file,id=console,path="
    found = next(argument for argument in sys.argv if argument.startswith(wanted))
    return Path(found[len(wanted) :].removesuffix(",append=off").replace(",,", ","))


def channel(name: str) -> str:
    wanted = f"socket,id={name},path="
    found = next(argument for argument in sys.argv if argument.startswith(wanted))
    return found[len(wanted) :].removesuffix(",server=on,wait=off").replace(",,", ",")


async def requests(reader: asyncio.StreamReader) -> AsyncIterator[dict[str, Any]]:
    """The JSON objects of a QMP client, which need not end its lines."""
    text = ""
    while data := await reader.read(65536):
        text += data.decode()
        while text := text.lstrip():
            try:
                request, end = json.JSONDecoder().raw_decode(text)
            except ValueError:
                break  # not all of it is here yet
            text = text[end:]
            yield request


class Fake:
    """One fake QEMU with its fake guest."""

    def __init__(self) -> None:
        self.status = plan.get("status", "running")
        self.monitors: list[asyncio.StreamWriter] = []
        self.guests: list[asyncio.StreamWriter] = []
        self.told: list[str] = []
        self.news = asyncio.Event()
        self.log = Path(channel("control")).with_name("fake.log")
        self.born = time.monotonic()
        self.speed: float | None = None

    def note(self, text: str) -> None:
        with self.log.open("a") as stream:
            stream.write(text + "\n")

    def emit(self, event: str, data: dict[str, Any]) -> None:
        message = {"event": event, "data": data, "timestamp": {"seconds": 1, "microseconds": 0}}
        for writer in self.monitors:
            writer.write(json.dumps(message).encode() + b"\r\n")

    async def monitor(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        version = {"qemu": {"major": 9, "minor": 0, "micro": 0}, "package": ""}
        writer.write(json.dumps({"QMP": {"version": version, "capabilities": []}}).encode() + b"\r\n")
        self.monitors.append(writer)
        async for request in requests(reader):
            name, arguments = request["execute"], request.get("arguments", {})
            self.note(f"qmp {name} {json.dumps(arguments)}")
            if name in DEAF:
                continue
            result: Any = {}
            if name == "query-status":
                result = {"status": self.status, "running": self.status == "running"}
            elif name in ("stop", "cont"):
                self.status = {"stop": "paused", "cont": "running"}[name]
                self.emit({"stop": "STOP", "cont": "RESUME"}[name], {})
            elif name == "x-event":  # for tests: pretend that this happened
                self.status = arguments.pop("status", self.status)
                self.emit(arguments["event"], arguments["data"])
            reply = {"return": result, **({"id": request["id"]} if "id" in request else {})}
            writer.write(json.dumps(reply).encode() + b"\r\n")
            await writer.drain()
            if name == "quit":
                os._exit(0)
        self.monitors.remove(writer)

    async def guest(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.guests.append(writer)
        self.news.set()
        while line := await reader.readline():
            word = line.split()[0].decode()
            self.note(f"control {line.decode().strip()}")
            if word in DEAF:
                continue
            if word == "stages":
                for told in self.told:
                    writer.write(told.encode())
            elif word in plan.get("refuse", []):
                writer.write(f"error {word} it would not\n".encode())
            elif word == "clock":
                writer.write(f"ok clock {line.split()[1].decode()} {time.time()}\n".encode())
            elif word == "ping" and self.speed is not None:
                writer.write(f"ok ping {(time.monotonic() - self.born) * self.speed}\n".encode())
            else:
                writer.write(f"ok {word}\n".encode())
            await writer.drain()
            if word == "poweroff":
                os._exit(0)

    async def tell(self) -> None:
        stages = plan.get("stages", ["init", "modules", "data", "network", "services", "sshd"])
        lines = [f"stage {name} {number}.5\n" for number, name in enumerate(stages)]
        if "fail" in plan:
            lines.append(f"failed {plan['fail'][0]} {plan['fail'][1]}\n")
        await self.news.wait()
        for line in lines:
            self.told.append(line)
            for writer in self.guests:
                writer.write(line.encode())

    async def kill(self, seconds: float, number: int) -> None:
        await asyncio.sleep(seconds)
        os.kill(os.getpid(), number)

    async def die(self, seconds: float, code: int, text: str) -> None:
        await asyncio.sleep(seconds)
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
        os._exit(code)


def runs_before(count: Path) -> int:
    runs = int(count.read_text()) if count.exists() else 0
    count.write_text(str(runs + 1))
    return runs


async def main() -> None:
    if "--version" in sys.argv:
        print(plan.get("version", "QEMU emulator version 9.0.1 (fake)"))
        return
    fake = Fake()
    fake.note("argv " + json.dumps(sys.argv[1:]))
    runs = runs_before(fake.log.with_name("count"))
    if runs < plan.get("die_first", 0):
        rule = next(argument for argument in sys.argv if "hostfwd" in argument)
        sys.stderr.write(f"-netdev {rule}: Could not set up host forwarding rule 'tcp:127.0.0.1:1-:22'\n")
        sys.exit(1)
    if plan.get("no_shares") and any("vhost-user-fs" in argument for argument in sys.argv):
        sys.exit("vhost-user-fs-pci: Failed to read msg header")
    console_file().write_text(plan.get("console", ""))
    tasks = [asyncio.create_task(fake.tell())]
    if "die" in plan:
        tasks.append(asyncio.create_task(fake.die(*plan["die"])))
    if runs < plan.get("panic_first", 0):
        plan["stages"] = ["init"]
        tasks.append(asyncio.create_task(fake.die(0.2, 0, "Kernel panic - not syncing: Fatal exception")))
    times, seconds, number = plan.get("kill_first", [0, 0, signal.SIGKILL])
    if runs < times:
        plan["stages"] = ["init"]
        tasks.append(asyncio.create_task(fake.kill(seconds, number)))
    if runs < plan.get("hang_first", 0):
        plan["stages"] = ["init"]
    if "fast_first" in plan:
        fake.speed = 1e4 if runs < plan["fast_first"] else 1.0
    if not plan.get("mute"):
        await asyncio.start_unix_server(fake.monitor, channel("qmp"))
        await asyncio.start_unix_server(fake.guest, channel("control"))
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
