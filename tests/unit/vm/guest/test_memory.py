"""The guest's memory: what is asked, and how the answer is read."""

from __future__ import annotations

import pytest

from vm.errors import MachineError
from vm.guest.memory import KIB, GuestMemory, ask_memory


async def test_the_answer_is_read_in_bytes() -> None:
    asked: list[str] = []

    async def answer(line: str) -> str:
        asked.append(line)
        return "1000 300 500 20 42 7"

    found = await ask_memory(answer)
    assert asked == ["memory"]
    assert found == GuestMemory(1000 * KIB, 300 * KIB, 500 * KIB, 20 * KIB, 42, 7)


@pytest.mark.parametrize("text", ["", "1 2 3 4 5", "1 2 3 4 5 6 7", "1 2 3 4 .5 6"])
async def test_an_answer_that_is_not_understood(text: str) -> None:
    async def answer(_line: str) -> str:
        return text

    with pytest.raises(MachineError, match="not understood"):
        await ask_memory(answer)
