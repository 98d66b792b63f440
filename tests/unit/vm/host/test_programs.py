"""How a program of ours is started, from a checkout and from a packaged application."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vm.host import host, programs


def test_from_a_checkout(tmp_path: Path) -> None:
    assert programs.program("desktop.supervisor", "--one") == [sys.executable, "-m", "desktop.supervisor", "--one"]
    assert (programs.installation() / "vm" / "host" / "programs.py").is_file()


def test_from_a_packaged_application(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "slipway"))
    assert programs.program("desktop.ui") == [str(tmp_path / "slipway"), programs.RUN_MODULE, "desktop.ui"]
    assert programs.installation() == tmp_path.resolve()


@pytest.mark.parametrize("name", ["Slipway.exe", "bin/slipway"])
def test_from_a_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    """Whichever of its programs asks: on Windows by the one that has Slipway's name, and no console."""
    monkeypatch.setattr(programs, "installation", lambda: tmp_path)
    launcher = tmp_path / name
    assert programs.program("vm.x")[0] == sys.executable
    launcher.parent.mkdir(exist_ok=True)
    launcher.touch()
    assert programs.program("vm.x", "--one") == [str(launcher), programs.RUN_MODULE, "vm.x", "--one"]


def test_a_program_that_is_started_goes_on_without_us(tmp_path: Path) -> None:
    output = tmp_path / "output"
    environment = {**os.environ, "GREETING": "hello"}
    process = programs.start(
        "tests.unit.vm.host.greeting", "you", flags=host().spawn_flags(), output=output, environment=environment
    )
    assert process.wait(30) == 0
    said, folder, session = output.read_text().splitlines()
    assert said == "hello you"
    assert Path(folder) == programs.installation()
    assert int(session) == process.pid != os.getsid(0)


class Job:
    """Stands in for Windows, where a job may keep its programs. :ivar tried: each attempt's creation flags."""

    def __init__(self, *, keeps: bool) -> None:
        self._keeps = keeps
        self.tried: list[int] = []

    def start(
        self, argv: list[str], *, creationflags: int, env: dict[str, str]
    ) -> tuple[list[str], dict[str, str]]:
        self.tried.append(creationflags)
        if self._keeps and creationflags & programs.CREATE_BREAKAWAY_FROM_JOB:
            raise PermissionError(13, "Access is denied")
        return argv, env


LEAVES = programs.CREATE_BREAKAWAY_FROM_JOB | 8


@pytest.mark.parametrize(("keeps", "tried"), [(False, [LEAVES]), (True, [LEAVES, 8])])
def test_a_job_that_ends_all_its_programs(monkeypatch: pytest.MonkeyPatch, keeps: bool, tried: list[int]) -> None:
    """It is left, where it allows that; tests/wine has real ones."""
    job = Job(keeps=keeps)
    monkeypatch.setattr(subprocess, "Popen", job.start)
    made: object = programs.detached(["one"], {"creationflags": LEAVES}, env={})
    assert made == (["one"], {})
    assert job.tried == tried


def test_a_program_that_may_not_be_started(tmp_path: Path) -> None:
    with pytest.raises(PermissionError):
        programs.detached([str(tmp_path)], host().spawn_flags())


PACKAGED = """
import sys
from vm.host.programs import run_requested
print(run_requested(sys.argv), sys.argv[1:])
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """An application whose entry is :data:`PACKAGED`."""
    return subprocess.run(
        [sys.executable, "-c", PACKAGED, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=programs.installation(),
    )


def test_the_entry_of_a_packaged_application() -> None:
    done = run(programs.RUN_MODULE, "vm.image.build", "--help")
    assert "Build Slipway's system image" in done.stdout
    assert run("status", "--json").stdout == "False ['status', '--json']\n"
    assert run(programs.RUN_MODULE).stdout == f"False ['{programs.RUN_MODULE}']\n"
    refused = run(programs.RUN_MODULE, "http.server")
    assert refused.returncode == 1
    assert "http.server is not a part of Slipway" in refused.stderr
