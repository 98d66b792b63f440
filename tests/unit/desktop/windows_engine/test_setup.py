"""The steps of the setup, with programs of Windows that take notes."""

from __future__ import annotations

import errno
import json
from pathlib import Path, PureWindowsPath
from typing import cast

import pytest

from desktop.windows_engine import manage
from desktop.windows_engine.commands import Commands
from desktop.windows_engine.places import Places
from desktop.windows_engine.record import Changed
from desktop.windows_engine.setup import Plan, Setup, descriptor
from vm.errors import HostError
from vm.services.state import LogPart, ServiceState

ADA = {"S-1-5-21-1-2-3-1001": r"PC\ada"}


class HerePlaces(Places):
    """In folders of this computer."""

    def __init__(self, folder: Path) -> None:
        super().__init__(cast(PureWindowsPath, folder / "programs"), cast(PureWindowsPath, folder / "data"))


class Programs:
    """:ivar ran: the command lines.    :ivar codes: beginning of a command line → its exit code."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.codes: dict[str, int] = {}

    def __call__(self, *argv: str) -> tuple[int, str]:
        line = " ".join(argv)
        self.ran.append(line)
        return next(
            (code for start, code in self.codes.items() if line.startswith(start)), 0
        ), f"said of {argv[0]}"


class Killed(BaseException):
    """The end of the helper in the middle of its work."""


class Computer(Programs):
    """Programs of a Windows that remembers what they have changed.

    :ivar kill_at: the number of the command line before which the helper is killed; None: never.
    :ivar service: how it is started; empty: there is none.
    """

    def __init__(self, features: set[str], *, group: bool) -> None:
        super().__init__()
        self.features, self.group, self.service, self.sealed = features, group, "", False
        self.kill_at: int | None = None

    @property
    def state(self) -> tuple[object, ...]:
        return sorted(self.features), self.group, self.service

    def __call__(self, *argv: str) -> tuple[int, str]:
        if len(self.ran) == self.kill_at:
            raise Killed
        code, said = super().__call__(*argv)
        return code or self._change(*argv), said

    def _change(self, *argv: str) -> int:
        match argv:
            case ("dism", _, verb, feature, *_):
                change = self.features.add if verb == "/Enable-Feature" else self.features.discard
                change(feature.partition(":")[2])
            case ("net", "localgroup", _):
                return 0 if self.group else 2
            case ("net", "localgroup", _, "/add", _):
                self.group = True
            case ("net", "localgroup", _, "/delete"):
                self.group = False
            case ("net", "stop", _):
                return 2
            case ("sc", "create", *words):
                if self.service:
                    return 1073
                self.service, self.sealed = words[words.index("start=") + 1], False
            case ("change config", _, start, _, _):
                self.service = start
            case ("sc", "sdset", *_):
                self.sealed = True
            case ("sc", "delete", _):
                found, self.service = self.service, ""
                return 0 if found else 1060
        return 0


class FakeService:
    """The engine's service.

    :ivar now: its state.    :ivar started_with: the configurations it was started with.
    :ivar refuses: what it does not start with.
    """

    title = "The service X"

    def __init__(self, configuration: Path) -> None:
        self._configuration = configuration
        self.now = ServiceState.STOPPED
        self.started_with: list[dict[str, object]] = []
        self.refuses = ""

    async def state(self) -> ServiceState:
        return self.now

    async def start(self) -> None:
        self.started_with.append(json.loads(self._configuration.read_bytes()))
        if self.refuses and self.refuses in self.started_with[-1]:
            raise HostError("The service X has ended at its start: no such log driver", "hint")
        self.now = ServiceState.RUNNING

    async def stop(self) -> None:
        self.now = ServiceState.STOPPED

    async def wait_ended(self) -> str:
        raise AssertionError

    async def log(self, after: int) -> LogPart:
        raise AssertionError


class Kit:
    def __init__(self, folder: Path, programs: Programs | None = None) -> None:
        self.places, self.programs, self.told = HerePlaces(folder), programs or Programs(), list[str]()
        self.foreign: set[Path] = set()
        self.service = FakeService(self.configuration)
        self.setup = Setup(
            self.places,
            Commands(self.programs),
            self.told.append,
            lambda folder: folder not in self.foreign,
            self.service,
            self._change_config,
        )
        (folder / "dockerd.exe").write_bytes(b"MZ")
        self.plan = Plan(folder / "dockerd.exe", r"PC\ada", "S-1-5-21-1-2-3-1001", ["Containers"])

    def _change_config(self, name: str, start: int, command: str | None, title: str | None) -> None:
        self.programs("change config", name, {3: "demand", 4: "disabled"}[start], command or "", title or "")

    @property
    def configuration(self) -> Path:
        return Path(self.places.configuration)

    def lines(self, start: str) -> list[str]:
        return [line for line in self.programs.ran if line.startswith(start)]


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    return Kit(tmp_path)


def test_install(kit: Kit) -> None:
    kit.programs.codes["dism /Online /Enable-Feature /FeatureName:Containers"] = 3010
    kit.programs.codes["net localgroup slipway-users"] = 2
    assert kit.setup.install(kit.plan), "Windows has to be restarted"
    assert Path(kit.places.program).read_bytes() == b"MZ"
    kept = json.loads(kit.configuration.read_text())
    assert kept["hosts"] == ["npipe:////./pipe/docker_slipway_windows"]
    assert kept["group"] == r"slipway-users,PC\ada"
    assert Changed.read(Path(kit.places.record)) == Changed(["Containers"], group=True, users=ADA)
    (created,) = kit.lines("sc create SlipwayWindowsEngine")
    assert "start= disabled" in created
    assert kit.programs.ran[-1].startswith("change config SlipwayWindowsEngine demand"), "it is enabled last"
    assert kit.lines("sc sdset SlipwayWindowsEngine")[0].endswith(descriptor(ADA))
    assert kit.lines(f"icacls {kit.places.data} /setowner *S-1-5-32-544")
    only = "/inheritance:r /grant:r *S-1-5-18:(OI)(CI)F *S-1-5-32-544:(OI)(CI)F"
    assert kit.lines(f"icacls {kit.places.data} {only}")


@pytest.mark.parametrize("name", ["data", "programs", "data/daemon.json", "data/setup.json", "data/docker"])
def test_a_link_in_the_place_of_its_folders_is_refused(kit: Kit, tmp_path: Path, name: str) -> None:
    aim = tmp_path / "aim"
    aim.mkdir()
    link = tmp_path / name
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(aim)
    with pytest.raises(HostError, match="is a link to another place, and nothing has changed"):
        kit.setup.install(kit.plan)
    with pytest.raises(HostError, match="is a link to another place, and nothing has changed"):
        kit.setup.remove(data=True, features=True)
    assert kit.programs.ran == []
    assert (link.is_symlink(), list(aim.iterdir())) == (True, [])
    link.unlink()
    kit.setup.install(kit.plan)


def test_a_folder_that_another_user_has_made_is_refused(kit: Kit) -> None:
    data = Path(kit.places.data)
    (data / "docker" / "deep").mkdir(parents=True)
    kit.foreign = {data}
    with pytest.raises(HostError, match="belongs to a user who is no administrator, and nothing has changed"):
        kit.setup.install(kit.plan)
    assert kit.programs.ran == []
    data.rename(data.with_name("aside"))
    kit.foreign = set()
    kit.setup.install(kit.plan)


def test_it_can_be_repeated(kit: Kit) -> None:
    kit.programs.codes["net localgroup slipway-users"] = 2
    kit.setup.install(kit.plan)
    kit.configuration.write_text(json.dumps({"registry-mirrors": ["https://mirror.example"], "hosts": []}))
    kit.programs.codes = {"sc create": 1073}
    assert not kit.setup.install(Plan(kit.plan.program, kit.plan.user, kit.plan.sid, []))
    assert kit.lines('change config SlipwayWindowsEngine disabled "')[0].endswith("Slipway Windows Engine")
    kept = json.loads(kit.configuration.read_text())
    assert kept["registry-mirrors"] == ["https://mirror.example"], "what the user has added stays"
    assert kept["hosts"] == ["npipe:////./pipe/docker_slipway_windows"]
    assert Changed.read(Path(kit.places.record)) == Changed(["Containers"], group=True, users=ADA)


@pytest.mark.parametrize("step", ["icacls", "dism", "net localgroup", "sc create", "sc sdset", "reg add"])
def test_a_step_that_fails_is_named(kit: Kit, step: str) -> None:
    kit.programs.codes[step] = 5
    with pytest.raises(HostError, match=r"Slipway could not .* \(error 5\)") as caught:
        kit.setup.install(kit.plan)
    assert "said of" in caught.value.detail


def test_a_configuration_that_dockerd_refuses(kit: Kit) -> None:
    kit.programs.codes[f"{kit.places.program} --validate"] = 1
    with pytest.raises(HostError, match="dockerd refuses these settings: said of"):
        kit.setup.install(kit.plan)


def test_a_configuration_that_cannot_be_understood_is_left_alone(kit: Kit) -> None:
    kit.setup.install(kit.plan)
    kit.configuration.write_text("{half")
    with pytest.raises(HostError, match="cannot be understood"):
        kit.setup.install(kit.plan)
    assert kit.configuration.read_text() == "{half"


def test_a_second_user_is_let_in_and_the_first_one_stays(kit: Kit) -> None:
    kit.setup.install(kit.plan)
    bob = {"S-1-5-21-1-2-3-1002": r"PC\bob"}
    ((sid, name),) = bob.items()
    kit.setup.install(Plan(kit.plan.program, name, sid, []))
    assert json.loads(kit.configuration.read_text())["group"] == r"slipway-users,PC\ada,PC\bob"
    assert kit.lines(r"net localgroup slipway-users PC\bob /add")
    (_, sealed) = kit.lines("sc sdset SlipwayWindowsEngine")
    assert sealed.endswith(descriptor([*ADA, *bob]))
    assert all(f";{sid})" in sealed for sid in (*ADA, *bob))


def test_remove_undoes_what_was_changed(kit: Kit) -> None:
    kit.programs.codes["net localgroup slipway-users"] = 2
    kit.setup.install(kit.plan)
    kit.programs.ran.clear()
    assert not kit.setup.remove(data=False, features=True)
    assert kit.lines("dism") == ["dism /Online /Disable-Feature /FeatureName:Containers /NoRestart /Quiet"]
    assert kit.lines("net localgroup slipway-users /delete")
    assert kit.lines("sc delete SlipwayWindowsEngine")
    assert not Path(kit.places.programs).exists()
    assert kit.configuration.exists(), "the data stays"
    assert Changed.read(Path(kit.places.record)) == Changed()


def test_remove_leaves_what_was_there_before(kit: Kit) -> None:
    kit.setup.install(Plan(kit.plan.program, kit.plan.user, kit.plan.sid, []))
    kit.programs.ran.clear()
    kit.setup.remove(data=True, features=True)
    assert kit.lines("dism") == []
    assert kit.lines("net localgroup") == []
    assert not Path(kit.places.data).exists()


@pytest.mark.parametrize("group", [False, True])
def test_killed_anywhere_it_can_be_completed_and_undone(tmp_path: Path, group: bool) -> None:
    before = Computer(set(), group=group).state
    for number in range(100):
        folder = tmp_path / str(number)
        folder.mkdir()
        computer = Computer(set(), group=group)
        kit = Kit(folder, computer)
        computer.kill_at = number
        try:
            kit.setup.install(kit.plan)
        except Killed:
            assert computer.service in ("", "disabled"), "what is not complete cannot be started"
        else:
            assert number > 12, "each step has been tried"
            break
        computer.kill_at = None
        kit.setup.install(kit.plan)
        assert computer.state == (["Containers"], True, "demand")
        assert computer.sealed
        assert Path(kit.places.program).read_bytes() == b"MZ"
        assert sorted(path.name for path in Path(kit.places.programs).iterdir()) == ["dockerd.exe"]
        computer.kill_at = len(computer.ran) + number % 4
        with pytest.raises(Killed):
            kit.setup.remove(data=True, features=True)
        computer.kill_at = None
        kit.setup.remove(data=True, features=True)
        assert computer.state == before
        assert not Path(kit.places.data).exists()


def test_a_feature_that_cannot_be_switched_on_is_not_switched_off(kit: Kit) -> None:
    kit.programs.codes["dism"] = 5
    with pytest.raises(HostError):
        kit.setup.install(kit.plan)
    assert Changed.read(Path(kit.places.record)).features == []


def test_a_full_disk_is_told_and_leaves_the_old_program(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    kit.setup.install(kit.plan)

    def full(source: Path, target: Path) -> None:
        target.write_bytes(b"M")
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("desktop.windows_engine.setup.shutil.copyfile", full)
        with pytest.raises(HostError, match="The engine cannot be copied: No space left") as caught:
            kit.setup.install(kit.plan)
    assert "Free space" in caught.value.hint
    assert Path(kit.places.program).read_bytes() == b"MZ"
    assert sorted(path.name for path in Path(kit.places.programs).iterdir()) == ["dockerd.exe"]
    kit.setup.install(kit.plan)


def test_remove_of_what_is_not_there(kit: Kit) -> None:
    kit.programs.codes = {"sc delete": 1060, "net stop": 2, "reg delete": 1}
    assert not kit.setup.remove(data=True, features=True)


# -- what the user asks for --------------------------------------------------------------------------------------


def test_the_helpers_report_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def helper(report: str) -> manage.Elevate:
        def run(argv: object) -> int:
            words = list(cast(list[str], argv))
            assert Path(words[words.index("--report") + 1]).exists(), "else the user could not read it"
            Path(words[words.index("--report") + 1]).write_text(report)
            return 0

        return run

    assert manage.remove(data=False, features=True, elevate=helper('{"restart": true}'))
    with pytest.raises(HostError, match="no room") as caught:
        manage.remove(
            data=False, features=True, elevate=helper('{"error": "no room", "hint": "h", "detail": "d"}')
        )
    assert (caught.value.hint, caught.value.detail) == ("h", "d")
    with pytest.raises(HostError, match="interrupted before it was complete") as caught:
        manage.remove(data=False, features=True, elevate=lambda argv: 3)
    assert "Run it again" in caught.value.hint
    assert "exit code 3" in caught.value.detail


def test_a_helper_that_is_refused_changes_nothing() -> None:
    def refused(argv: object) -> int:
        raise HostError("It was not allowed, and nothing has changed")

    with pytest.raises(HostError, match="not allowed"):
        manage.remove(data=True, features=True, elevate=refused)
