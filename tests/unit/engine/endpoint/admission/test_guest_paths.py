"""What the guest itself can give a container: asked once, and only what is meant."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from engine.endpoint.admission.guest_paths import GuestPaths, mountable
from tests.unit.carriers import MemoryCarrier, echo
from vm.errors import LinkError
from vm.guest.stream import Completed


class ShellLink(MemoryCarrier):
    """Runs commands by the host's shell."""

    def __init__(self) -> None:
        super().__init__(echo)
        self.closed = asyncio.Event()
        self.failure: LinkError | None = None
        self.commands = 0

    async def run(self, command: str, *, input: bytes = b"", timeout: float) -> Completed:
        self.commands += 1
        if self.refuse is not None:
            raise self.refuse
        process = await asyncio.create_subprocess_exec("sh", "-c", command, stdout=asyncio.subprocess.PIPE)
        output, _ = await asyncio.wait_for(process.communicate(), timeout)
        return Completed(process.returncode or 0, output, b"")

    async def ping(self, timeout: float) -> None:
        pass

    async def close(self) -> None:
        pass


async def test_what_is_there_is_found_and_asked_for_once(tmp_path: Path) -> None:
    (tmp_path / "it's a folder" / "x").mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    paths = [str(tmp_path / name) for name in ("it's a folder", "empty", "file", "none")]
    link = ShellLink()
    guest = GuestPaths(lambda: link)
    for _ in range(2):
        assert await guest.find(paths[:1]) == {paths[0]}
    assert link.commands == 1
    assert await guest.find(paths) == {paths[0], paths[2]}
    assert link.commands == 2


async def test_what_was_missing_is_asked_for_again(tmp_path: Path) -> None:
    guest = GuestPaths(ShellLink)
    new = tmp_path / "new"
    assert await guest.find([str(new)]) == set()
    new.touch()
    assert await guest.find([str(new)]) == {str(new)}


async def test_a_guest_that_cannot_be_asked() -> None:
    link = ShellLink()
    link.refuse = LinkError("cut")
    with pytest.raises(LinkError, match="“/x”: not shared, and Slipway could not ask the machine"):
        await GuestPaths(lambda: link).find(["/x"])


def test_an_empty_folder_of_the_guests_is_not_what_is_meant() -> None:
    kinds = {"/mnt": "empty", "/tmp": "empty", "/run/docker.sock": "there", "/nowhere": "-", "/opt/x": "there"}
    assert mountable(kinds) == {"/tmp", "/run/docker.sock", "/opt/x"}
