"""A service of Windows, as psutil, sc.exe and the event log tell of it; the real ones are tried under Wine."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from types import SimpleNamespace

import psutil
import pytest

from tests.unit.vm.services.test_event_log import event, printed
from vm.errors import HostError
from vm.services import windows
from vm.services.state import ServiceState
from vm.services.windows import WindowsService

LAST = event(8, "2", "failed to start daemon: failed to load vmcompute.dll")


class Manager:
    """The Service Control Manager.

    :ivar states: what the service is at the next looks; the last one stays.    :ivar code: what sc.exe ends with.
    :ivar events: what wevtutil prints, the newest first.    :ivar log_code: what it ends with.
    """

    def __init__(self) -> None:
        self.states = ["stopped"]
        self.code = self.log_code = 0
        self.events = [LAST]
        self.ran: list[list[str]] = []

    def get(self, name: str) -> SimpleNamespace:
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        if state == "absent":
            raise psutil.NoSuchProcess(0, name)
        return SimpleNamespace(status=lambda: state)

    def run(self, argv: Sequence[str], **_: object) -> subprocess.CompletedProcess[bytes]:
        self.ran.append(list(argv))
        if argv[0] == "wevtutil":
            return subprocess.CompletedProcess(argv, self.log_code, printed(*self.events), b"Not allowed.")
        return subprocess.CompletedProcess(argv, self.code, b"said so", b"")


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Manager:
    made = Manager()
    monkeypatch.setattr(psutil, "win_service_get", made.get, raising=False)
    run: Callable[..., object] = made.run
    monkeypatch.setattr("subprocess.run", run)
    monkeypatch.setattr(windows, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(windows, "WATCH_SECONDS", 0.01)
    return made


async def test_start_waits_until_it_runs(manager: Manager) -> None:
    manager.states = ["stopped", "start_pending", "start_pending", "running"]
    await WindowsService("X").start()
    assert manager.ran == [["sc.exe", "start", "X"]]
    await WindowsService("X").start()
    assert len(manager.ran) == 1, "it runs already"


async def test_stop_waits_until_it_has(manager: Manager) -> None:
    manager.states = ["running", "stop_pending", "stopped"]
    await WindowsService("X").stop()
    await WindowsService("X").stop()
    assert manager.ran == [["sc.exe", "stop", "X"]]


async def test_one_that_is_not_there(manager: Manager) -> None:
    manager.states = ["absent"]
    assert await WindowsService("X").state() is ServiceState.ABSENT
    await WindowsService("X").stop()
    with pytest.raises(HostError, match="is not there"):
        await WindowsService("X").start()


@pytest.mark.parametrize(("code", "why"), [(5, "this user may not"), (1058, "it is disabled"), (99, "error 99")])
async def test_one_that_may_not_be_started(manager: Manager, code: int, why: str) -> None:
    manager.code = code
    with pytest.raises(HostError, match=f"The service X does not start: .*{why}") as caught:
        await WindowsService("X").start()
    assert caught.value.detail == "said so"


async def test_one_that_ends_at_its_start_has_its_last_words(manager: Manager) -> None:
    manager.states = ["stopped", "start_pending", "stopped"]
    with pytest.raises(HostError, match=r"has ended at its start: .*failed to load vmcompute\.dll"):
        await WindowsService("X").start()


async def test_one_that_does_not_come_up(manager: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "START_SECONDS", 0.05)
    manager.states = ["stopped", "start_pending"]
    with pytest.raises(HostError, match="is still starting"):
        await WindowsService("X").start()


async def test_its_end_is_noticed(manager: Manager) -> None:
    manager.states = ["running", "running", "stopped"]
    told = await WindowsService("X").wait_ended()
    assert told.startswith("the service has stopped\nfailed to start daemon")


async def test_its_log_goes_on_after_a_record(manager: Manager) -> None:
    manager.events = [event(9, "4", "API listen"), LAST]
    part = await WindowsService("X").log(0)
    assert [line.split(maxsplit=2)[1:] for line in part.text.splitlines()] == [
        ["error", "failed to start daemon: failed to load vmcompute.dll"],
        ["info", "API listen"],
    ]
    assert part.next == 9
    manager.events = []
    assert await WindowsService("X").log(part.next) == ("", 9)
    assert "/q:*[System[Provider[@Name='X'] and EventRecordID>9]]" in manager.ran[-1]


async def test_a_log_that_cannot_be_read(manager: Manager) -> None:
    manager.log_code = 5
    with pytest.raises(HostError, match=r"event log cannot be read \(error 5\)") as caught:
        await WindowsService("X").log(0)
    assert caught.value.detail == "Not allowed."
    manager.states = ["stopped"]
    assert await WindowsService("X").wait_ended() == "the service has stopped"
