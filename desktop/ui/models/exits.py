"""What the exit code of a container says (Docker, "Exit status"; Bash's manual, 3.7.5; signal(7))."""

from __future__ import annotations

import re

EXITED = re.compile(r"Exited \((\d+)[):]")
"""How dockerd begins the status of a container that has ended."""

WORDS = {
    125: ("not started", "The engine could not start it."),
    126: ("not executable", "Its command was found, and could not be run."),
    127: ("not found", "Its command was not found in the image."),
    129: ("hung up", "It was ended by SIGHUP."),
    130: ("interrupted", "It was ended by SIGINT, as by Ctrl-C."),
    131: ("quit", "It was ended by SIGQUIT."),
    132: ("crashed", "It ran an instruction that the processor does not have (SIGILL)."),
    134: ("aborted", "It aborted itself (SIGABRT)."),
    135: ("crashed", "It used memory in a way that the processor does not allow (SIGBUS)."),
    136: ("crashed", "A calculation failed, such as a division by zero (SIGFPE)."),
    137: ("killed", "It was killed (SIGKILL): memory ran out, or somebody killed it, or a stop took too long."),
    139: ("crashed", "It used memory that is not its own (SIGSEGV)."),
    141: ("cut off", "Nobody read what it wrote (SIGPIPE)."),
    143: ("ended", "It was asked to end (SIGTERM), as by a stop, and did not finish by itself."),
}
"""Code → in a word or two, and in a sentence."""


def exit_code(status: str) -> int | None:
    """The code in a container's status; None while it has not ended."""
    found = EXITED.match(status)
    return int(found[1]) if found else None


def with_reason(status: str) -> str:
    """A status with what its exit code means, in a word."""
    code = exit_code(status)
    return status if code not in WORDS else status.replace(f"({code})", f"({code}: {WORDS[code][0]})", 1)


def reason(status: str) -> str:
    """What the exit code means, in a sentence; empty where that is not known."""
    code = exit_code(status)
    return WORDS[code][1] if code in WORDS else ""
