"""The bootstrap: what it decides. That it really works is shown by every run of ``dev.py test`` itself."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from installers import dev
from installers.checkout import commands, environment, system, tools
from installers.checkout.console import StepError, run_quietly


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make a PATH on which exactly the named programs are."""
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(system, "SYSTEM_FOLDERS", ())

    def make(*names: str) -> None:
        for name in names:
            (folder / name).write_text("#!/bin/sh\n")
            (folder / name).chmod(0o755)

    return make


def noting(
    notes: list[str], result: int = 0, then: Callable[[], None] = lambda: None
) -> Callable[[Sequence[str | Path]], int]:
    """A stand-in for a call with a list of words: it writes them down, does ``then``, and returns ``result``."""

    def call(words: Sequence[str | Path]) -> int:
        notes.extend(str(word) for word in words)
        then()
        return result

    return call


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Root on Debian, where installing is only written down; the list fills with package names."""
    packages: list[str] = []
    monkeypatch.setattr(system, "is_root", lambda: True)
    monkeypatch.setattr(system, "apt_install", noting(packages))
    return packages


class TestGate:
    """installers/dev.py itself."""

    def test_old_pythons_can_read_it(self) -> None:
        source = Path(dev.__file__).read_text()
        ast.parse(source, feature_version=(3, 6))
        assert "from __future__ import annotations" not in source  # unknown to 3.6

    def test_the_oldest_python_is_the_projects(self) -> None:
        text = (environment.ROOT / "pyproject.toml").read_text()
        assert f'requires-python = ">={dev.OLDEST[0]}.{dev.OLDEST[1]}"' in text

    def test_an_old_python_without_a_newer_one(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], programs: Callable[..., None]
    ) -> None:
        programs("python3")  # which starts, and is no Python
        monkeypatch.setattr(dev, "OLDEST", (99, 0))
        assert dev.main(["run"]) == 1
        assert "Slipway needs Python 99.0 or newer" in capsys.readouterr().err

    def test_an_old_python_hands_over(
        self, monkeypatch: pytest.MonkeyPatch, programs: Callable[..., None], tmp_path: Path
    ) -> None:
        programs("python3", "python3.13", "python3.10")
        called: list[str] = []

        def call(argv: list[str], env: dict[str, str]) -> int:
            return noting(called, result=7)([*argv, env[dev.GUARD]])

        monkeypatch.setattr(sys, "version_info", (3, 8, 1))
        monkeypatch.setattr(dev, "is_new_enough", lambda name: name == "python3.13")
        monkeypatch.setattr(subprocess, "call", call)
        assert dev.main(["test", "-x"]) == 7
        assert called == ["python3.13", str(Path(dev.__file__).resolve()), "test", "-x", "python3.13"]

    def test_it_hands_over_only_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "version_info", (3, 8, 1))
        monkeypatch.setenv(dev.GUARD, "python3.13")
        monkeypatch.setattr(dev, "find_newer", lambda: pytest.fail("looked again"))
        assert dev.main([]) == 1

    def test_this_python_is_new_enough(self) -> None:
        assert dev.is_new_enough(sys.executable)
        assert not dev.is_new_enough("no-such-python")


class TestEnvironment:
    @pytest.fixture
    def steps(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """A checkout elsewhere, whose steps are only written down."""
        done: list[str] = []

        def note(title: str, argv: Sequence[str | Path]) -> str:
            done.append(title)
            if "venv" in argv:
                scripts = environment.program("python", tmp_path / ".venv")
                scripts.parent.mkdir(parents=True, exist_ok=True)
                scripts.unlink(missing_ok=True)
                scripts.symlink_to(sys.executable)
            return ""

        (tmp_path / "pyproject.toml").write_text("one")
        (tmp_path / "lock").write_text("one")
        monkeypatch.setattr(environment, "ROOT", tmp_path)
        monkeypatch.setattr(environment, "LOCK", tmp_path / "lock")
        monkeypatch.setattr(environment, "FOLDER", tmp_path / ".venv")
        monkeypatch.setattr(environment, "program", lambda name, _=None: tmp_path / ".venv" / "bin" / name)
        monkeypatch.setattr(environment, "run_quietly", note)
        return done

    EVERYTHING = ("making the virtual environment", "installing Python packages", "installing Slipway into it")

    def test_made_once(self, steps: list[str]) -> None:
        environment.prepare()
        assert steps == [*self.EVERYTHING]
        environment.prepare()
        assert steps == [*self.EVERYTHING]

    def test_a_new_lock_makes_it_anew(self, steps: list[str]) -> None:
        environment.prepare()
        environment.LOCK.write_text("two")
        environment.prepare()
        assert steps == [*self.EVERYTHING, *self.EVERYTHING]

    def test_a_new_pyproject_installs_only_slipway(self, steps: list[str]) -> None:
        environment.prepare()
        (environment.ROOT / "pyproject.toml").write_text("two")
        environment.prepare()
        assert steps == [*self.EVERYTHING, "installing Slipway into it"]

    def test_a_broken_one_is_made_anew(self, steps: list[str]) -> None:
        environment.prepare()
        environment.program("python").unlink()
        environment.prepare()
        assert steps == [*self.EVERYTHING, *self.EVERYTHING]

    def test_one_that_was_interrupted_is_made_anew(
        self, steps: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupt(title: str, argv: Sequence[str | Path]) -> str:
            raise StepError(title)

        monkeypatch.setattr(environment, "run_quietly", interrupt)
        with pytest.raises(StepError):
            environment.prepare()
        assert environment.read_stamp() == {}


class TestSystem:
    PART = system.Part("qemu-system-x86_64", system.FOR_MACHINE[0].packages)

    def test_nothing_missing_asks_nobody(self, programs: Callable[..., None]) -> None:
        programs("qemu-system-x86_64")
        system.ensure([self.PART])

    @pytest.mark.parametrize(
        ("manager", "command"),
        [
            ("apt-get", "sudo apt-get install qemu-system-x86"),
            ("dnf", "sudo dnf install qemu-system-x86-core"),
            ("pacman", "sudo pacman -S --needed qemu-system-x86"),
            ("brew", "brew install qemu"),
            ("winget", "winget install SoftwareFreedomConservancy.QEMU"),
        ],
    )
    def test_one_command_to_type(
        self, manager: str, command: str, programs: Callable[..., None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        programs(manager)
        monkeypatch.setattr(system, "is_root", lambda: False)
        with pytest.raises(StepError) as raised:
            system.ensure([self.PART])
        assert str(raised.value).splitlines()[-1].strip() == command

    def test_everything_in_one_command(
        self, programs: Callable[..., None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        programs("brew")
        with pytest.raises(StepError, match=r"brew install qemu$"):
            system.ensure(system.FOR_MACHINE[:2])  # two programs of one package

    def test_no_manager_at_all(self, programs: Callable[..., None]) -> None:
        with pytest.raises(StepError, match="Missing: qemu-system-x86_64"):
            system.ensure([self.PART])

    def test_root_on_debian_installs_what_is_missing(
        self, programs: Callable[..., None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        programs("apt-get", "qemu-img")
        asked: list[str] = []
        monkeypatch.setattr(system, "is_root", lambda: True)
        monkeypatch.setattr(system, "apt_install", noting(asked, then=lambda: programs("qemu-system-x86_64")))
        system.ensure(system.FOR_MACHINE[:2])
        assert asked == ["qemu-system-x86"]

    def test_still_missing_is_an_error(self, programs: Callable[..., None], installed: list[str]) -> None:
        programs("apt-get")
        with pytest.raises(StepError, match="Still missing after installing qemu-system-x86"):
            system.ensure([self.PART])
        assert installed == ["qemu-system-x86"]

    def test_builders_tools_are_debians(self, programs: Callable[..., None]) -> None:
        programs("dnf")
        system.ensure([system.Part("mmdebstrap", {"apt": "mmdebstrap"}, only=system.BUILDERS)])

    def test_every_part_can_be_installed_by_apt(self) -> None:
        parts = [*system.FOR_VENV, *system.FOR_MACHINE, *system.FOR_TESTS]
        assert [part.name for part in parts if "apt" not in part.packages] == []
        assert "docker.io" not in {package for part in parts for package in part.packages.values()}

    def test_services_do_not_start_meanwhile(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        policy = tmp_path / "policy-rc.d"
        monkeypatch.setattr(system, "POLICY", policy)
        with system.no_service_starts():
            assert subprocess.run([policy], check=False).returncode == 101
        assert not policy.exists()
        policy.write_text("the administrator's")
        with system.no_service_starts():
            assert policy.read_text() == "the administrator's"
        assert policy.read_text() == "the administrator's"


class TestDocker:
    def test_one_on_the_path_is_enough(self, programs: Callable[..., None], installed: list[str]) -> None:
        programs("docker", "apt-get")
        assert tools.docker_parts() == ()
        tools.ensure_docker()
        assert installed == []

    def test_the_systems_package_first(
        self, programs: Callable[..., None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        programs("apt-get")
        asked: list[str] = []
        monkeypatch.setattr(system, "is_root", lambda: True)
        monkeypatch.setattr(tools, "apt_has", lambda _: True)
        monkeypatch.setattr(system, "apt_install", noting(asked, then=lambda: programs("docker")))
        system.ensure(tools.docker_parts())
        assert asked == ["docker-cli", "docker-buildx"]

    def test_else_the_newer_debians_client(
        self, programs: Callable[..., None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        programs("apt-get")
        asked: list[str] = []
        files = "/p/docker-buildx_1.deb\n/p/docker-cli_2.deb\n/p/docker-compose_3.deb\n"
        monkeypatch.setattr(system, "is_root", lambda: True)
        monkeypatch.setattr(tools, "apt_has", lambda _: False)
        monkeypatch.setattr(tools, "fetch", lambda *_: files)
        monkeypatch.setattr(system, "apt_install", noting(asked, then=lambda: programs("docker")))
        assert tools.docker_parts() == ()
        tools.ensure_docker()
        assert asked == ["/p/docker-buildx_1.deb", "/p/docker-cli_2.deb"]

    @pytest.mark.parametrize(
        ("packaged", "command"),
        [
            (True, "sudo apt-get install docker-cli docker-buildx"),
            (False, "sudo apt-get install /p/docker-cli_2.deb"),
        ],
    )
    def test_others_are_told_what_to_type(
        self, packaged: bool, command: str, programs: Callable[..., None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        programs("apt-get")
        monkeypatch.setattr(system, "is_root", lambda: False)
        monkeypatch.setattr(tools, "apt_has", lambda _: packaged)
        monkeypatch.setattr(tools, "fetch", lambda *_: "/p/docker-cli_2.deb\n/p/docker-compose_3.deb\n")

        def see_to_it() -> None:
            system.ensure(tools.docker_parts())
            tools.ensure_docker()

        with pytest.raises(StepError) as raised:
            see_to_it()
        assert str(raised.value).splitlines()[-1].strip() == command


class TestCommands:
    def test_pytest_gets_its_arguments(self, monkeypatch: pytest.MonkeyPatch) -> None:
        called: list[str] = []
        monkeypatch.setattr(commands, "set_up", lambda for_tests: None)
        monkeypatch.setattr(subprocess, "call", noting(called, result=5))
        assert commands.main(["test", "-k", "name", "--help"]) == 5
        assert called[5:8] == ["-k", "name", "--help"]
        assert [Path(word).name for word in called[8:]] == list(commands.TEST_FOLDERS)
        called.clear()
        commands.main(["test", f"{__file__}::TestCommands"])
        assert called[5:] == [f"{__file__}::TestCommands"]

    def test_a_failed_step_is_told_without_a_traceback(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def fail(for_tests: bool) -> None:
            raise StepError("Missing: something\nType this")

        monkeypatch.setattr(commands, "set_up", fail)
        assert commands.main(["run"]) == 1
        assert capsys.readouterr().err == "\nMissing: something\nType this\n"

    def test_ctrl_c(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        def interrupt(for_tests: bool) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(commands, "set_up", interrupt)
        assert commands.main(["test"]) == 130
        assert "Stopped." in capsys.readouterr().err


class TestSteps:
    def test_quiet_when_it_works(self, capsys: pytest.CaptureFixture[str]) -> None:
        out = run_quietly(
            "doing it", [sys.executable, "-c", "import os; print(os.environ['GIVEN'])"], {"GIVEN": "x"}
        )
        assert out.strip() == "x"
        assert capsys.readouterr() == ("", "· doing it\n")

    def test_all_is_told_when_it_fails(self) -> None:
        with pytest.raises(StepError, match=r"(?s)doing it: failed with exit code 3.*the reason"):
            run_quietly("doing it", [sys.executable, "-c", "import sys; print('the reason'); sys.exit(3)"])

    def test_a_program_that_is_not_there(self) -> None:
        with pytest.raises(StepError, match="no-such-program cannot be started"):
            run_quietly("doing it", ["no-such-program"])


def test_ci_runs_the_same_command() -> None:
    script = environment.ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "python3 installers/dev.py test" in script.read_text()
