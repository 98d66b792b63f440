"""What the status says about the machine's memory."""

from __future__ import annotations

import pytest

from desktop.supervisor.lifecycle.memory import describe_memory
from vm.guest.memory import GuestMemory

MIB = 1 << 20


def guest(available_mib: int, waited: int = 0, ended: int = 0) -> GuestMemory:
    return GuestMemory(960 * MIB, available_mib * MIB, 480 * MIB, 100 * MIB, waited, ended)


def test_nothing_is_said_while_there_is_enough() -> None:
    report = describe_memory(guest(300, waited=90), 1024, 8192)  # a container waits at its own limit
    assert (report.total, report.available, report.swap_free) == (960 * MIB, 300 * MIB, 100 * MIB)
    assert (report.shortage, report.hint) == ("", "")
    assert describe_memory(guest(50), 1024, 8192).shortage == ""  # all of it is in use, and nothing waits


def test_full_memory_is_said_with_what_to_do() -> None:
    report = describe_memory(guest(110, waited=42), 1024, 8192)
    assert report.shortage == "The machine's memory is full: programs wait for it 42 % of the time"
    assert "slipway settings set memory_mib 2048" in report.hint
    assert describe_memory(guest(110, waited=42, ended=1), 1024, 8192).shortage.endswith(
        "42 % of the time, 1 program was ended for it since the start"
    )


def test_memory_that_was_full_explains_why_a_program_ended() -> None:
    report = describe_memory(guest(300, ended=3), 1024, 8192)
    assert report.shortage == "The machine's memory has been full: 3 programs were ended for it since the start"
    assert report.hint


@pytest.mark.parametrize(
    ("memory", "host", "suggested"),
    [(1024, 8192, 2048), (4096, 8192, 6144), (6144, 8192, None), (8192, 8192, None)],
)
def test_the_host_keeps_some_memory_for_itself(memory: int, host: int, suggested: int | None) -> None:
    hint = describe_memory(guest(0, waited=50), memory, host).hint
    if suggested is None:
        assert "settings" not in hint
        assert "Stop containers" in hint
    else:
        assert f"memory_mib {suggested} " in hint
