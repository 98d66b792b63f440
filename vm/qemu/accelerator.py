"""Which accelerator works on the host: proven by booting our own kernel, not assumed from a device file.

Nested clouds and half-enabled features offer hardware virtualisation which then hangs or dies in the first
instructions, so each candidate has to boot the kernel within a deadline. The boot has no root file system on
purpose: the kernel runs up to that finding, panics, and ends QEMU (see :func:`vm.qemu.command.probe_argv`).

Verdicts are kept in ``CACHE/accelerators.json`` under all that can change them: QEMU's version and path, the
kernel's content, the accelerator, and the host's kernel and boot. Software emulation (TCG) needs no proof and
comes last.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import re
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from vm.errors import MachineError
from vm.files import write_atomically
from vm.host import Host
from vm.qemu.command import probe_argv
from vm.qemu.process import QemuBinary, QemuProcess, describe_exit, tail
from vm.shielded import shielded
from vm.spec import Accelerator, BootFiles

log = logging.getLogger(__name__)

DEADLINE = 10.0
"""Seconds a trial boot may take; hardware needs one to two, emulation two to five."""

PROOF = "Unable to mount root fs"
"""What the kernel prints when all of its own start is over (init/do_mounts.c, mount_root_generic)."""

SYMPTOMS = (
    *("KVM internal error", "failed to initialize", "Could not access KVM"),
    *("Could not load library WinHvPlatform.dll", "WHPX: ", "Unexpected VP exit"),
)
"""Output that shows a trial has failed, so that the rest of the deadline need not be waited for."""

PREFIX = re.compile(r"^(\d{4}-\d\d-\d\dT[\d:.]+Z )?(.*qemu-system-[\w.]+: )?")

ASSERTION = "Assertion "
"""In what assert(3) prints, on any system."""


@dataclass(frozen=True)
class Trial:
    """The outcome for one accelerator.

    :ivar why: the proof, the obstacle or the failure, as a text for the user.
    :ivar fix: what would change it; empty when it works.
    """

    accelerator: Accelerator
    ok: bool
    why: str
    fix: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Verdict:
    """The accelerator to use and how that was found.

    :ivar proven: a trial boot has shown it (now or earlier); emulation needs none and is False here.
    """

    accelerator: Accelerator
    proven: bool
    tried: tuple[Trial, ...] = field(default=())

    @property
    def emulated(self) -> bool:
        """Whether the machine runs in software, several times slower than the hardware could."""
        return self.accelerator is Accelerator.TCG

    @property
    def why(self) -> str:
        """One sentence: which accelerator, and if it is emulation, why."""
        if not self.emulated:
            return f"{self.accelerator.upper()} works: {self.tried[-1].why}"
        if not self.tried:
            return "Software emulation: your computer's processor cannot run this kind of machine directly."
        reasons = "; ".join(f"{trial.accelerator.upper()}: {trial.why}" for trial in self.tried)
        return f"Software emulation, which is slow: hardware acceleration does not work ({reasons})."

    @property
    def fix(self) -> str:
        """What would make hardware acceleration work; empty when it does or nothing is known."""
        return " ".join(trial.fix for trial in self.tried if not trial.ok and trial.fix)


async def choose(
    qemu: QemuBinary, boot: BootFiles, host: Host, cache: Path, *, deadline: float = DEADLINE
) -> Verdict:
    """Find the best accelerator that works; boots the kernel only where no verdict is cached.

    :param cache: the file with the verdicts; unreadable is the same as empty.
    :param deadline: seconds per trial.
    """
    known = _load(cache)
    tried: list[Trial] = []
    for accelerator in host.accelerators(boot.arch):
        obstacle = host.obstacle(accelerator)
        if obstacle is not None:  # cheap to see, and gone as soon as the user has fixed it: never cached
            tried.append(Trial(accelerator, False, obstacle.why, obstacle.fix))
            continue
        key = await asyncio.to_thread(_key, qemu, boot, accelerator, host)
        trial = _known(known.get(key))
        if trial is None:
            trial = await _try(qemu, boot, accelerator, host, deadline)
            known[key] = asdict(trial)
            _save(cache, known)
        tried.append(trial)
        if trial.ok:
            return Verdict(accelerator, True, tuple(tried))
    return Verdict(Accelerator.TCG, False, tuple(tried))


def forget(cache: Path) -> None:
    """Drop all verdicts: the user has changed something, or a start failed in spite of them."""
    cache.unlink(missing_ok=True)


def _key(qemu: QemuBinary, boot: BootFiles, accelerator: Accelerator, host: Host) -> str:
    with boot.kernel.open("rb") as stream:
        kernel = hashlib.file_digest(stream, "sha256").hexdigest()[:16]
    version = ".".join(map(str, qemu.version))
    return f"{accelerator} | {qemu.path} {version} | kernel {kernel} | {host.boot_id}"


def _load(cache: Path) -> dict[str, Any]:
    try:
        values = json.loads(cache.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        log.warning("the verdicts in %s cannot be read and are determined again: %s", cache, error)
        return {}
    return values if isinstance(values, dict) else {}


def _save(cache: Path, known: dict[str, Any]) -> None:
    recent = dict(list(known.items())[-16:])  # each boot of the host makes a new key
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(cache, (json.dumps(recent, indent=2) + "\n").encode())
    except OSError as error:
        log.warning("the verdict cannot be kept: %s", error)


def _known(values: object) -> Trial | None:
    if not isinstance(values, dict):
        return None
    try:
        return Trial(**{**values, "accelerator": Accelerator(values["accelerator"])})
    except (KeyError, TypeError, ValueError):
        return None


async def _try(qemu: QemuBinary, boot: BootFiles, accelerator: Accelerator, host: Host, deadline: float) -> Trial:
    loop = asyncio.get_running_loop()
    began = loop.time()
    with tempfile.TemporaryDirectory(prefix="slipway-trial-") as folder:
        console, output = Path(folder) / "console", Path(folder) / "output"
        argv = probe_argv(qemu.path, qemu.version[:2], boot.arch, accelerator, boot.kernel, console)
        try:
            process = QemuProcess.spawn(argv, host, output)
        except MachineError as error:
            return Trial(accelerator, False, error.message)
        try:
            await _watch(process, output, deadline)
            ended = process.exited.done()
        finally:
            await shielded(process.kill())
        seconds = round(loop.time() - began, 2)
        printed, log_text = tail(output), tail(console, 20000)
    if ended and PROOF in log_text:
        return Trial(accelerator, True, f"a trial boot took {seconds} s", seconds=seconds)
    code = process.exited.result() if ended else None
    why = _symptom(printed, log_text, ended, code, deadline)
    log.warning("%s does not work: %s\n%s", accelerator, why, printed)
    return Trial(accelerator, False, why, host.advice(accelerator, printed), seconds)


async def _watch(process: QemuProcess, output: Path, deadline: float) -> None:
    """Wait for the trial's end, its deadline, or a symptom that makes further waiting useless."""
    loop = asyncio.get_running_loop()
    end = loop.time() + deadline
    while (left := end - loop.time()) > 0:
        if await process.wait(min(0.25, left)):
            return
        if any(symptom in tail(output, 16000) for symptom in SYMPTOMS):
            return


def _symptom(printed: str, console: str, ended: bool, code: int | None, deadline: float) -> str:
    for line in printed.splitlines():
        if any(symptom in line for symptom in SYMPTOMS):
            return f"a trial boot failed with “{_text(line)}”"
    if not ended:
        where = "after its first messages" if console.strip() else "before the kernel's first message"
        return f"a trial boot hung {where} (waited {deadline:g} s)"
    last = (printed.strip().splitlines() or [describe_exit(code)])[-1]
    if ASSERTION in last:  # names a line of QEMU's source: for the log, which has it
        return "QEMU stopped with an internal error"
    return f"QEMU ended at once: {_text(last)}"


def _text(line: str) -> str:
    """A line of QEMU's without the time and the program before it (``-msg timestamp=on``)."""
    return PREFIX.sub("", line.strip())
