"""dockerd's own word on a change of its settings."""

from __future__ import annotations

import json

import pytest

from desktop.settings.schema import Settings, SettingsError
from desktop.settings.validation import reason
from desktop.supervisor.context import Change
from desktop.supervisor.lifecycle.boot_plan import merged_daemon
from desktop.supervisor.operations.daemon_json import DaemonJson
from tests.unit.carriers import MemoryLink, refuse
from vm.errors import LinkError
from vm.guest.stream import Completed, Link
from vm.qemu.record import Record


class Guest:
    """A guest whose dockerd says ``output``."""

    record: Record | None = None
    running = True

    def __init__(self, output: str = "", code: int = 0, error: LinkError | None = None) -> None:
        self.output, self.code, self.error = output, code, error
        self.told: list[bytes] = []
        self.link: Link = MemoryLink(refuse, self._shell)

    def _shell(self, command: str, input: bytes) -> Completed:
        assert "dockerd --validate" in command
        self.told.append(input)
        if self.error is not None:
            raise self.error
        return Completed(self.code, self.output.encode(), b"")


def change(after: Settings) -> Change:
    return Change(Settings(), after, frozenset({"daemon"}))


async def test_dockerd_has_the_last_word() -> None:
    guest = Guest("unable to configure the Docker daemon with file /x: no certificate", 1)
    after = Settings(daemon={"tlsverify": True})
    with pytest.raises(SettingsError, match="dockerd refuses these settings: no certificate"):
        await DaemonJson(guest).require_valid(change(after))
    assert json.loads(guest.told[0]) == merged_daemon(after)
    guest.code = 0
    await DaemonJson(guest).require_valid(change(after))


async def test_dockerd_is_asked_only_about_its_own_settings() -> None:
    guest = Guest(code=1)
    await DaemonJson(guest).require_valid(change(Settings(cpus=1)))
    assert guest.told == []


async def test_a_dockerd_that_cannot_be_asked_is_no_obstacle() -> None:
    after = Settings(daemon={"debug": True})
    await DaemonJson(Guest(error=LinkError("the link is gone"))).require_valid(change(after))
    stopped = Guest(code=1)
    stopped.running = False
    await DaemonJson(stopped).require_valid(change(after))
    assert stopped.told == []


@pytest.mark.parametrize(
    ("output", "wanted"),
    [
        ("", "it does not say why"),
        ("unable to configure the Docker daemon with file /x: the y is z", "the y is z"),
        (
            "unable to configure the Docker daemon with file /x: merged configuration validation from file and "
            "command line flags failed: invalid mirror: x",
            "invalid mirror: x",
        ),
        ("something else", "something else"),
    ],
)
def test_what_dockerd_says(output: str, wanted: str) -> None:
    assert reason(output) == wanted
