"""What is said of an image for another platform, in moby's words of each kind, and where nothing is known."""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from engine.endpoint import GuestRoute
from engine.endpoint.admission import platforms
from engine.endpoint.admission.platforms import OLDER, PlatformAdvice, decoded
from engine.endpoint.admission.pulls import Pull
from tests.unit.carriers import MemoryCarrier, MemoryStream
from vm.errors import LinkError

NO_MATCH = "no matching manifest for linux/amd64 in the manifest list entries"
CONTAINERD = f"{NO_MATCH}: no match for platform in manifest: not found"
ON_WINDOWS = "no matching manifest for windows(10.0.20348)/amd64 in the manifest list entries"
ON_OLD_WINDOWS = "no matching manifest for windows/amd64 10.0.17763 in the manifest list entries"
OS = 'image operating system "{}" cannot be used on this platform: operating system is not supported'
DOWNLOAD = 'cannot download image with operating system "windows" when requesting "linux"'
NEWER = "a Windows version 10.0.26100-based image is incompatible with a 10.0.20348 host"

LINUX, ARM, S390X = (
    {"architecture": name, "os": "linux", **more}
    for name, more in (("amd64", {}), ("arm64", {"variant": "v8"}), ("s390x", {}))
)
WINDOWS = {"architecture": "amd64", "os": "windows", "os.version": "10.0.26100.1"}
ATTESTATION = {"architecture": "unknown", "os": "unknown"}

SWITCH = "Switch to Windows containers: slipway engine use windows"
NOWHERE = "Windows containers run on Windows Server."
FOR_WINDOWS = f"This image is for Windows. {SWITCH}; or pull another one for Linux."


@dataclass
class Engine:
    """Answers what the advice asks. :ivar handlers: what the guest's shell says.    :ivar got: requests."""

    offered: list[dict[str, Any]] | None
    os: str = "linux"
    handlers: bytes | None = b"/proc/sys/fs/binfmt_misc/qemu-aarch64\n"
    status: int = 200
    silent: bool = False
    got: list[bytes] = field(default_factory=list)

    async def __call__(self, stream: MemoryStream) -> None:
        request = b""
        while b"\r\n\r\n" not in request:
            data = await stream.read(1 << 16)
            if not data:  # the guest's shell
                await stream.write(self.handlers or b"")
                await stream.write_eof()
                return
            request += data
        self.got.append(request)
        path = request.split(b" ")[1].decode()
        answer: Any = {"Version": "28.5.2", "ApiVersion": "1.51", "Os": self.os, "Arch": "amd64"}
        status = 200
        if "/distribution/" in path:
            if self.silent:
                await asyncio.Event().wait()
            answer, status = {"Descriptor": {}, "Platforms": self.offered, "message": "denied"}, self.status
        body = json.dumps(answer).encode()
        head = (
            f"HTTP/1.1 {status} Any\r\nApi-Version: 1.51\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
        )
        await stream.write(head.encode() + b"\r\n" + body)
        await stream.write_eof()


PULL = Pull("app:1")


async def advise(engine: Engine, error: str, use_other: str = SWITCH, pull: Pull = PULL) -> str:
    async def use(os: str) -> str:
        return use_other.replace("Windows", os.title()).replace("windows", os)

    return await PlatformAdvice(use).advise(GuestRoute(MemoryCarrier(engine), "/d.sock"), pull, error)


@pytest.mark.parametrize("error", [NO_MATCH, CONTAINERD, OS.format("windows"), DOWNLOAD])
async def test_an_image_for_windows(error: str) -> None:
    assert await advise(Engine([WINDOWS, ATTESTATION]), error) == FOR_WINDOWS


async def test_where_windows_containers_cannot_run() -> None:
    wanted = f"This image is for Windows. {NOWHERE} Here, pull another one for Linux."
    assert await advise(Engine([WINDOWS]), NO_MATCH, NOWHERE) == wanted
    wanted = "This image is for freebsd. Here, pull another one for Linux."
    assert await advise(Engine([{"os": "freebsd", "architecture": "amd64"}]), NO_MATCH, "") == wanted


@pytest.mark.parametrize("error", [ON_WINDOWS, ON_OLD_WINDOWS, OS.format("linux")])
async def test_an_image_for_linux(error: str) -> None:
    wanted = (
        "This image is for Linux. Switch to Linux containers: slipway engine use linux; "
        "or pull another one for Windows."
    )
    assert await advise(Engine([LINUX, ARM], os="windows"), error) == wanted


@pytest.mark.parametrize("offered", [[], None])
async def test_the_words_may_say_it_alone(offered: list[dict[str, Any]] | None) -> None:
    """dockerd lists no platforms of an image that is one OCI manifest; and the registry may not say."""
    assert await advise(Engine(offered), OS.format("windows")) == FOR_WINDOWS
    assert await advise(Engine([WINDOWS], status=403), OS.format("windows")) == FOR_WINDOWS
    assert await advise(Engine(offered), NO_MATCH) == ""
    assert await advise(Engine([WINDOWS], status=403), NO_MATCH) == ""


async def test_a_newer_windows() -> None:
    assert await advise(Engine([WINDOWS, LINUX], "windows"), ON_WINDOWS) == (
        f"This image is for Windows 10.0.26100.1. {OLDER}"
    )
    assert await advise(Engine(None, "windows"), NEWER) == OLDER


async def test_another_architecture() -> None:
    runs = "This image is for linux/arm64/v8, linux/s390x. To run it by emulation: --platform linux/arm64/v8"
    assert await advise(Engine([ARM, S390X, WINDOWS]), NO_MATCH) == runs
    cannot = (
        "This image is for linux/s390x, and this engine runs linux/amd64 and linux/arm64. "
        "It cannot run here: pull another one."
    )
    assert await advise(Engine([S390X]), NO_MATCH) == cannot


async def test_whatever_the_user_has_had_emulated() -> None:
    engine = Engine([S390X], handlers=b"/x/qemu-aarch64\n/x/qemu-s390x\n/x/qemu-i386\n")
    assert (
        await advise(engine, NO_MATCH)
        == "This image is for linux/s390x. To run it by emulation: --platform linux/s390x"
    )


class Away:
    """A route to an engine that cannot be asked what it emulates."""

    name = "the engine"
    admitted = False

    def __init__(self, engine: Engine, failure: LinkError | None) -> None:
        self._carrier = MemoryCarrier(engine)
        self._failure = failure

    async def open(self) -> MemoryStream:
        return await self._carrier.open_unix("/d.sock")

    async def emulated(self) -> None:
        if self._failure is not None:
            raise self._failure


@pytest.mark.parametrize("failure", [None, LinkError("the guest is away")])
async def test_an_engine_of_which_it_is_not_known(failure: LinkError | None) -> None:
    wanted = "This image is for linux/s390x, and this engine runs linux/amd64."
    route = Away(Engine([S390X]), failure)
    assert await PlatformAdvice(nothing).advise(route, PULL, NO_MATCH) == wanted


async def nothing(os: str) -> str:
    return ""


async def test_a_platform_that_was_asked_for() -> None:
    error = "no matching manifest for linux/s390x in the manifest list entries"
    offered = [LINUX, ARM]
    assert await advise(Engine(offered), error, pull=Pull("app", "linux/s390x")) == (
        "This image is for linux/amd64, linux/arm64/v8. Leave out --platform for linux/amd64."
    )
    assert await advise(Engine(offered), error) == ""  # another reason, which is not known


async def test_an_operating_system_that_was_asked_for() -> None:
    bare = "operating system is not supported"
    asked = Pull("app:1", "windows/amd64")
    assert await advise(Engine([WINDOWS]), bare, pull=asked) == FOR_WINDOWS
    assert await advise(Engine(None), bare, pull=asked) == FOR_WINDOWS
    both = "This image is for linux/amd64. Leave out --platform for linux/amd64."
    assert await advise(Engine([WINDOWS, LINUX]), bare, pull=asked) == both
    assert await advise(Engine([WINDOWS]), bare) == ""  # nothing was asked for: another reason


async def test_many_platforms() -> None:
    many = [{"os": "linux", "architecture": name} for name in ("arm", "mips64le", "ppc64le", "riscv64", "s390x")]
    assert "linux/arm, linux/mips64le, linux/ppc64le, linux/riscv64 and 1 more" in await advise(
        Engine(many), NO_MATCH
    )


@pytest.mark.parametrize("error", ["manifest unknown", "no space left on device", "", "denied: no matching"])
async def test_any_other_error_is_not_looked_into(error: str) -> None:
    engine = Engine([WINDOWS])
    assert await advise(engine, error) == ""
    assert engine.got == []


async def test_the_registry_is_asked_as_the_client_would() -> None:
    engine = Engine([WINDOWS])
    given = {"username": "ö", "password": "p", "serveraddress": "r.example"}
    auth = base64.urlsafe_b64encode(json.dumps(given).encode()).decode()
    await advise(engine, NO_MATCH, pull=Pull("r.example/app@sha256:ab", "", auth))
    asked = engine.got[-1].decode()
    assert asked.startswith("GET /v1.51/distribution/r.example/app@sha256:ab/json ")
    header = next(line for line in asked.splitlines() if line.lower().startswith("x-registry-auth:"))
    assert decoded(header.partition(": ")[2]) == given


@pytest.mark.parametrize("header", ["", "e30", "!!!", "W10=", "/w==", base64.b64encode(b"x").decode()])
def test_credentials_that_say_nothing(header: str) -> None:
    assert decoded(header) == {}


@pytest.mark.fast_clock
async def test_a_registry_that_does_not_answer() -> None:
    assert await advise(Engine([WINDOWS], silent=True), NO_MATCH) == ""


async def test_a_bug_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    assert await advise(Engine([3]), NO_MATCH) == ""  # type: ignore[list-item] # what no engine sends
    assert "could not be asked" in caplog.text
    assert platforms.__name__ in {record.name for record in caplog.records}
