"""Why QEMU ended, as an error with a type: from its exit code, what it and the guest's kernel printed.

QEMU reports failures of its start on stderr only. The options that it repeats in its messages are left out before
words are looked for, since a path in them may contain any word. What can be checked directly, the data disk and
the image's files, is not read from QEMU's messages at all: see :func:`vm.launch.find_cause`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vm.errors import HostError, KernelCrash, MachineError, PortTaken, QemuEnded, TransientError, UserError
from vm.qemu.process import describe_exit

WINDOWS_CRASH = 0xC0000000
"""From here on a Windows exit code is an NTSTATUS of severity "error" ([MS-ERREF] 2.3), e.g. access violation."""

PANIC = "Kernel panic"
"""What a guest's kernel prints when it panics (kernel/panic.c)."""

TRY_AGAIN = "Starting it again usually helps."


@dataclass(frozen=True)
class LastWords:
    """What is known of the end of a QEMU before it has ended.

    :ivar text: completes "QEMU ended unexpectedly: …".
    """

    text: str
    error: type[TransientError] = QemuEnded


def is_crash(code: int | None) -> bool:
    """Whether a program with this exit code was ended by a signal or by an exception of Windows."""
    return code is not None and (code < 0 or code >= WINDOWS_CRASH)


def explain_start(argv: Sequence[str], output: str, code: int | None) -> UserError:
    """Why QEMU ended before it opened its channels.

    :param output: what it printed.
    """
    detail = f"QEMU: {describe_exit(code)}\n{output}".strip()
    if is_crash(code):
        return QemuEnded(f"QEMU ended at its start: {describe_exit(code)}", TRY_AGAIN, detail)
    said = output
    for argument in argv:
        if "/" in argument:  # has a path
            said = said.replace(argument, "…")
    if "Could not set up host forwarding rule" in said:
        return PortTaken("A port that leads into the machine is in use", "", detail)
    if "Cannot allocate memory" in said or "cannot set up guest memory" in said:
        return HostError(
            "Your computer has too little free memory for the machine",
            "Close other programs, or give the machine less memory: slipway settings set memory_mib …",
            detail,
        )
    if "No space left on device" in said:
        return HostError("The disk of your computer is full", "Free some space on it, then start again.", detail)
    return MachineError("QEMU ended at its start", "The details show what QEMU printed.", detail)


def explain_end(code: int | None, output: str, console: str, last: LastWords | None = None) -> TransientError:
    """Why QEMU ended later.

    :param output: the end of what it printed.    :param console: the end of the guest's console.
    """
    detail = "\n".join(filter(None, [output.strip(), console.strip()]))
    if PANIC in detail:
        return KernelCrash("The machine's kernel crashed", TRY_AGAIN, detail)
    text = last.text if last is not None else describe_exit(code)
    error = last.error if last is not None else QemuEnded
    return error(f"QEMU ended unexpectedly: {text}", TRY_AGAIN, detail)
