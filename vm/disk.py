"""The data disk: one sparse qcow2 file that holds everything of the user's.

All work is done by ``qemu-img``. Nothing here ever deletes or overwrites a disk that exists: a new one is made
beside its place and renamed into it, and a damaged one is only reported. Sizes are bytes unless the name says GiB.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from vm.errors import DiskError
from vm.host import Host
from vm.host.programs import NO_WINDOW
from vm.qemu.process import find_program
from vm.spec import DiskSpec

log = logging.getLogger(__name__)

GIB = 1024**3
HEADROOM = 512 * 1024**2
"""Free space, in bytes, without which no start makes sense: the first image would fill the host's disk."""

_MAGIC = b"QFI\xfb"
"""The first bytes of a qcow2 file (QEMU's docs/interop/qcow2.txt)."""

_CHECK_TIMEOUT = 600.0


class Health(StrEnum):
    """What ``qemu-img check`` found."""

    GOOD = "good"
    LEAKS = "leaks"  # space that is allocated and unused: harmless, after a kill -9 usual
    CORRUPT = "corrupt"


@dataclass(frozen=True)
class DiskInfo:
    """A data disk, measured.

    :ivar virtual_size: bytes the guest sees.
    :ivar allocated: bytes it takes on the host.
    :ivar free: bytes still free on the host's file system.
    """

    path: Path
    virtual_size: int
    allocated: int
    free: int


@dataclass(frozen=True)
class CheckResult:
    """The outcome of a check.

    :ivar leaks: clusters that are allocated and unused.
    :ivar corruptions: errors in the tables.
    :ivar repaired: whether this run repaired them.
    """

    health: Health
    leaks: int
    corruptions: int
    repaired: bool


class DataDisk:
    """The disk at one path.

    :param host: for finding ``qemu-img`` and the free space.
    """

    def __init__(self, path: Path, host: Host) -> None:
        self.path = path
        self._host = host

    async def ensure(self, spec: DiskSpec) -> bool:
        """Make the disk if it is absent; enlarge it if ``spec`` wants more. The machine must be stopped.

        :return: whether it was made now.
        :raise DiskError: no space, damaged, or larger than ``spec`` (a disk never shrinks).
        :raise HostError: ``qemu-img`` is missing.
        """
        if self.path.exists():
            size = (await self.info()).virtual_size
            if size != spec.size_gib * GIB:
                await self.grow(spec.size_gib)
            self.require_space()
            return False
        await self.create(spec.size_gib)
        return True

    async def create(self, size_gib: int) -> None:
        """Make an empty disk; interrupted, it leaves nothing.

        :raise DiskError: it exists already, there is no space, or ``qemu-img`` failed.
        """
        if self.path.exists():
            raise DiskError(f"The data disk {self.path} exists already", "It was not changed.")
        _require_size(size_gib)
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.require_space()
        half = self.path.with_name(f".{self.path.name}.{os.getpid()}.new")
        try:
            # 1 MiB clusters would waste space on small files; 64 KiB is qemu-img's own choice
            await self._run("create", "-q", "-f", "qcow2", "-o", "lazy_refcounts=off", str(half), f"{size_gib}G")
            half.chmod(0o600)
            try:
                os.link(half, self.path)  # unlike rename, never replaces a disk made meanwhile
            except FileExistsError:
                raise DiskError(f"The data disk {self.path} exists already", "It was not changed.") from None
            except OSError:  # a file system without links
                half.replace(self.path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                half.unlink()
        log.info("made the data disk %s of %d GiB", self.path, size_gib)

    async def info(self) -> DiskInfo:
        """Measure the disk; works while the machine runs.

        :raise DiskError: absent, or its header is damaged.
        """
        output = await self._run("info", "-U", "--output=json", "-f", "qcow2", str(self.path))
        values = _json(output, self.path)
        return DiskInfo(
            path=self.path,
            virtual_size=int(values["virtual-size"]),
            allocated=int(values.get("actual-size", 0)),
            free=self._host.free_bytes(self.path),
        )

    async def grow(self, size_gib: int) -> None:
        """Enlarge the disk of a stopped machine; the guest enlarges its file system at the next start.

        :raise DiskError: the size is smaller than the present one, out of bounds, or the disk is in use.
        """
        self.require_growth((await self.info()).virtual_size, size_gib)
        await self._run("resize", "-q", "-f", "qcow2", str(self.path), f"{size_gib}G")
        log.info("the data disk has %d GiB now", size_gib)

    @staticmethod
    def require_growth(present: int, size_gib: int) -> None:
        """Check a new size against the ``present`` one in bytes.

        :raise DiskError: it would shrink the disk, or is out of bounds.
        """
        _require_size(size_gib)
        if size_gib * GIB < present:
            raise DiskError(
                f"The data disk has {present / GIB:g} GiB and cannot shrink to {size_gib} GiB",
                f"Set its size to at least {-(-present // GIB)} GiB.",
            )

    async def check(self, repair: bool = False) -> CheckResult:
        """Check the disk's tables; the machine must be stopped.

        :param repair: repair what can be repaired. Leaks alone are always safe to repair.
        :raise DiskError: the disk cannot even be opened, or is in use.
        """
        arguments = ["check", "--output=json", "-f", "qcow2", *(["-r", "all"] if repair else []), str(self.path)]
        # qemu-img(1): 0 good, 2 corrupted, 3 leaks only, 1 could not be checked
        output = await self._run(*arguments, accept=(0, 2, 3))
        values = _json(output, self.path)
        leaks, corruptions = int(values.get("leaks", 0)), int(values.get("corruptions", 0))
        fixed = int(values.get("leaks-fixed", 0)) + int(values.get("corruptions-fixed", 0))
        health = Health.CORRUPT if corruptions else Health.LEAKS if leaks else Health.GOOD
        return CheckResult(health, leaks, corruptions, fixed > 0)

    def require_space(self) -> None:
        """:raise DiskError: the host's disk is (almost) full."""
        free = self._host.free_bytes(self.path)
        if free < HEADROOM:
            raise DiskError(
                f"The disk of your computer is full: {free // 1024**2} MiB are free, "
                f"{HEADROOM // 1024**2} are needed",
                "Free some space on it, then start again.",
                str(self.path.parent),
            )

    async def fault(self) -> DiskError | None:
        """What keeps QEMU from using the disk; None when nothing does. The machine must be stopped.

        :raise HostError: ``qemu-img`` is missing.
        """
        try:
            magic = await asyncio.to_thread(_open_and_read, self.path, len(_MAGIC))
        except FileNotFoundError as error:
            return DiskError(f"The data disk {self.path} does not exist", "Create it: slipway start", str(error))
        except OSError as error:
            return DiskError(
                f"The data disk {self.path} cannot be opened: {error.strerror}",
                "Check its owner, its permissions and its attributes (lsattr).",
                str(error),
            )
        if magic != _MAGIC:
            return self._damaged(f"it begins with {magic!r}")
        look = ("--output=json", "-f", "qcow2", str(self.path))
        code, output, errors = await self._qemu_img("info", *look)
        if code == 0:
            data = _json(output, self.path).get("format-specific", {}).get("data", {})
            return self._damaged("QEMU has marked it as corrupt") if data.get("corrupt") else None
        unlocked, _, _ = await self._qemu_img("info", "-U", *look)
        if unlocked == 0:  # only the lock was in the way
            return DiskError(
                "The data disk is in use by another process",
                "Another Slipway or QEMU uses it. Stop that one first: slipway stop",
                errors,
            )
        return self._damaged(errors)

    def _damaged(self, detail: str) -> DiskError:
        return DiskError(
            "The data disk is damaged: its header cannot be read",
            f"It was not changed. Restore {self.path} from a backup, or rename it to start with an empty disk.",
            detail,
        )

    async def _run(self, *arguments: str, accept: tuple[int, ...] = (0,)) -> bytes:
        code, output, errors = await self._qemu_img(*arguments)
        if code not in accept:
            raise await self._explain(arguments[0], errors)
        return output

    async def _qemu_img(self, *arguments: str) -> tuple[int, bytes, str]:
        """Run qemu-img to its end: exit code, output, and what it wrote to stderr."""
        program = find_program("qemu-img", self._host)
        process = await asyncio.create_subprocess_exec(
            program,
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            creationflags=NO_WINDOW,
        )
        try:
            async with asyncio.timeout(_CHECK_TIMEOUT):
                output, errors = await process.communicate()
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            raise
        return process.returncode or 0, output, errors.decode(errors="replace").strip()

    async def _explain(self, action: str, errors: str) -> DiskError:
        if "No space left" in errors:
            return DiskError(
                "The disk of your computer is full", "Free some space on it, then start again.", errors
            )
        fault = await self.fault() if action != "create" else None
        hint = "First back up its file. Then try: slipway disk check --repair"
        return fault or DiskError(f"The data disk could not be handled (qemu-img {action})", hint, errors)


def _require_size(size_gib: int) -> None:
    if not 1 <= size_gib <= 16384:  # 16 TiB: ext4's limit with 4 KiB blocks
        raise DiskError(f"A data disk of {size_gib} GiB cannot be made", "Choose between 1 and 16384 GiB.")


def _open_and_read(path: Path, size: int) -> bytes:
    """The first bytes of a file that can be written to. :raise OSError: it cannot be opened."""
    with path.open("r+b") as file:
        return file.read(size)


def _json(output: bytes, path: Path) -> dict[str, Any]:
    try:
        values = json.loads(output)
    except ValueError as error:
        raise DiskError(
            f"qemu-img did not describe {path}", detail=output[:500].decode(errors="replace")
        ) from error
    return values if isinstance(values, dict) else {}
