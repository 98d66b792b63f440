"""Which proxy the engine and containers use, and that a change is followed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from desktop.control.schema import CallerEnvironment
from desktop.settings.schema import Settings
from desktop.settings.store import SettingsStore
from desktop.supervisor.environment import UserEnvironment
from desktop.supervisor.lifecycle.boot_plan import BootPlan
from desktop.supervisor.parts.proxies import OLD_PROXY, HostProxies, in_use
from desktop.supervisor.settings import LiveSettings
from desktop.supervisor.warnings import Warnings
from engine import proxy_follower
from tests.unit.engine.no_link import NoLink
from tests.unit.sshd import eventually
from vm.guest.stream import Completed
from vm.host import host
from vm.host.paths import Paths
from vm.host.proxies import Proxies

LOCAL = "http://ann:secret@127.0.0.1:3128/"
INSIDE = "http://ann:secret@host.docker.internal:3128/"


def test_the_settings_own_goes_first() -> None:
    environment = {"http_proxy": "http://of-the-host:1"}
    assert in_use(Settings(), host(), environment).http == "http://of-the-host:1"
    assert in_use(Settings(daemon={"proxies": {"http-proxy": LOCAL}}), host(), environment).http == INSIDE
    assert not in_use(Settings(host_proxy=False), host(), environment)


class Machine(NoLink):
    """Takes what builds read. :ivar codes: what the next commands end with."""

    def __init__(self, *codes: int) -> None:
        self.codes = list(codes)
        self.given: list[bytes] = []

    async def run(self, command: str, *, input: bytes = b"", timeout: float) -> Completed:
        assert command == proxy_follower.COMMAND
        self.given.append(input)
        return Completed(self.codes.pop(0) if self.codes else 0, b"", b"no space")


class Kit:
    """A part, and the environment that it follows."""

    def __init__(self, folder: Path) -> None:
        self.paths = Paths(folder / "h", folder / "c")
        self.paths.prepare()
        self.environment = UserEnvironment()
        self.warnings = Warnings()
        self.settings = LiveSettings(SettingsStore(self.paths.settings), host())
        self.part = HostProxies(self.paths, host(), self.settings, self.environment, self.warnings)

    def ask(self, **variables: str) -> None:
        """A client asks for a start."""
        self.environment.use(CallerEnvironment.of(variables))

    async def boot(self) -> BootPlan:
        """The machine is started."""
        plan = BootPlan(self.settings.get(), None)
        await self.part.plan(plan)
        self.paths.daemon_json.write_text(json.dumps(plan.daemon))
        return plan


@pytest.fixture
def kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kit:
    monkeypatch.setattr(proxy_follower, "LOOK_SECONDS", 60.0)  # only what is told is followed
    return Kit(tmp_path)


async def test_a_start_in_another_environment_is_followed(kit: Kit) -> None:
    kit.ask(http_proxy="http://one:1")
    plan = await kit.boot()
    assert plan.daemon["proxies"]["http-proxy"] == "http://one:1"
    assert b"http_proxy=http://one:1" in plan.config["proxy"]
    machine = Machine()
    kit.part._task.use(machine)  # noqa: SLF001 - what attach() does with a guest
    await eventually(lambda: len(machine.given) == 1)
    assert machine.given[0] == plan.config["proxy"]
    kit.ask(http_proxy="http://two:2")
    assert kit.part.now().http == "http://two:2"  # for containers that are created now
    await eventually(lambda: kit.warnings.list() == (OLD_PROXY,))  # for dockerd it takes a restart
    await eventually(lambda: b"http_proxy=http://two:2" in machine.given[-1])
    kit.ask()
    await eventually(lambda: machine.given[-1] == b"")
    assert kit.warnings.list() == (OLD_PROXY,)
    assert "proxies" not in (await kit.boot()).daemon
    kit.environment.changed[0]()
    await eventually(lambda: kit.warnings.list() == ())
    await kit.part.close()


async def test_a_proxy_that_cannot_be_followed(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is reported, unless the user has said what to use."""
    script = Proxies(passed_over="it is chosen by a script (http://wpad.test)")
    monkeypatch.setattr(type(host()), "proxies", lambda self, environment: script)
    await kit.boot()
    machine = Machine()
    kit.part._task.use(machine)  # noqa: SLF001 - as above
    await eventually(lambda: machine.given == [b""])
    (warning,) = kit.warnings.list()
    assert warning.message.endswith("is not used: it is chosen by a script (http://wpad.test)")
    assert "daemon.proxies" in warning.hint
    await kit.settings.change({"host_proxy": "false"})
    kit.environment.changed[0]()
    await eventually(lambda: kit.warnings.list() == ())
    await kit.part.close()


async def test_what_fails_is_tried_again(kit: Kit) -> None:
    await kit.boot()
    machine = Machine(1)
    kit.part._task.use(machine)  # noqa: SLF001 - as above
    await eventually(lambda: len(machine.given) == 2)
    assert "could not be handed over" in kit.part.report().error
    await kit.part.close()


async def test_exceptions_alone_are_no_proxy(kit: Kit) -> None:
    await kit.settings.change({"daemon": '{"proxies": {"no-proxy": "x.test"}}'})
    await kit.boot()
    machine = Machine()
    kit.part._task.use(machine)  # noqa: SLF001 - as above
    await eventually(lambda: machine.given == [b""])
    assert kit.warnings.list() == ()
    await kit.part.close()
