"""The pipes of a Slipway that runs: the wire probes, and docker.exe by both names."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable

from installers.common.docker import docker_program
from installers.common.layout import WINDOWS
from tests.e2e.wire import PROBES
from tests.wine.cases import run_cases
from tests.wine.keeping import PIPE, kept
from tests.wine.windows import CLI, DOCKER, IMAGE, PYTHON, Windows

DEFAULT = {"DOCKER_CONTEXT": "default"}
"""As where nothing names an engine: ``slipway`` is the current context here."""


def wait_for(check: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end
        time.sleep(0.5)


def names(windows: Windows) -> set[str]:
    """The pipes of Slipway and Docker that there are; none is connected to."""
    script = (
        "from pathlib import Path\n"
        "from vm.host import pipe_in_use\n"
        "names = ('docker_engine', 'docker_slipway', 'slipway_control', 'slipway_nobody')\n"
        r"print(*(name for name in names if pipe_in_use(Path(r'\\.\pipe', name))))"
    )
    done = windows.wine.run([PYTHON, "-c", script])
    assert done.code == 0, done
    return set(done.output.split())


def test_the_wire_probes_and_handles(windows: Windows) -> None:
    passed = run_cases(windows.wine, "wire_cases", {"SLIPWAY_TEST_IMAGE": IMAGE}, seconds=900)
    assert len(passed) == len(PROBES) + 1, passed


def test_docker_without_a_context(windows: Windows) -> None:
    done = windows.wine.run([DOCKER, "version", "--format", "json"], DEFAULT, seconds=120)
    assert done.code == 0, done
    assert json.loads(done.output)["Server"]["Os"] == "linux"
    assert windows.status()["also"] == ["npipe:////./pipe/docker_engine"]
    assert names(windows) == {"docker_engine", "docker_slipway", "slipway_control"}


def test_the_diagnosis_of_the_context(windows: Windows) -> None:
    def finding(**environment: str) -> str:
        done = windows.wine.run([CLI, "diagnose", "--json"], environment, seconds=240)
        checks = {check["name"]: check for check in json.loads(done.output)}
        assert checks["context"]["passed"], checks["context"]
        return str(checks["context"]["found"])

    assert finding() == "docker uses “slipway”"
    assert "DOCKER_HOST is set, and leads to Slipway" in finding(DOCKER_HOST="npipe:////./pipe/docker_engine")


def test_who_ends_its_input_still_hears_an_exec(windows: Windows) -> None:
    windows.docker("run", "-d", "--name", "listens", IMAGE, "sleep", "100000")
    try:
        script = "wc -c; sleep 1; echo after; echo err >&2; exit 3"
        argv = [DOCKER, "exec", "-i", "listens", "sh", "-c", script]
        done = windows.wine.run(argv, given=b"x" * 1_000_000, seconds=120)
        assert (done.code, done.output, done.errors) == (3, "1000000\nafter\n", "err\n")
    finally:
        windows.docker("rm", "-f", "listens")


def test_an_image_there_and_back(windows: Windows) -> None:
    """64 MiB that do not compress, by ``save``, ``load`` and ``cp``."""
    script = "head -c 67108864 /dev/urandom >/large; sha256sum /large"
    wanted = windows.docker("run", "--name", "large", IMAGE, "sh", "-c", script).split()[0]
    windows.docker("commit", "large", "large")
    windows.docker("cp", "large:/large", r"C:\large", seconds=300)
    assert hashlib.sha256((windows.wine.drive_c / "large").read_bytes()).hexdigest() == wanted
    windows.docker("save", "-o", r"C:\large.tar", "large", seconds=300)
    windows.docker("rm", "large")
    windows.docker("rmi", "large")
    windows.docker("load", "-i", r"C:\large.tar", seconds=300)
    assert windows.docker("run", "--rm", "large", "sha256sum", "/large").split()[0] == wanted
    windows.docker("rmi", "large")


def test_a_build_by_buildkit(windows: Windows) -> None:
    """Its requests, and the session by which the engine asks docker for the files, are HTTP/2 after an upgrade."""
    home = windows.wine.run(["cmd", "/c", "echo %USERPROFILE%"]).output.strip()
    plugin = windows.wine.host_path(rf"{home}\.docker\cli-plugins\docker-buildx.exe")
    plugin.parent.mkdir(parents=True, exist_ok=True)
    plugin.write_bytes(docker_program("buildx", WINDOWS).read_bytes())
    try:
        folder = windows.wine.drive_c / "kit"
        folder.mkdir()
        (folder / "Dockerfile").write_text(
            f"FROM {IMAGE}\nCOPY large word /\nRUN cat /word >/copied\n", encoding="utf-8"
        )
        (folder / "word").write_text("built", encoding="utf-8")
        (folder / "large").write_bytes(bytes(16 * 1024 * 1024))
        environment = {"DOCKER_BUILDKIT": "1"}
        argv = [DOCKER, "build", "--progress=plain", "-t", "kit", r"C:\kit"]
        done = windows.wine.run(argv, environment, seconds=300)
        assert done.code == 0, done
        assert "load build context" in done.errors, done
        counted = windows.docker("run", "--rm", "kit", "sh", "-c", "wc -c </large; cat /copied").split()
        assert counted == ["16777216", "built"]
    finally:
        plugin.unlink()


def test_a_client_that_is_killed_leaves_nothing(windows: Windows) -> None:
    windows.docker("run", "-d", "--name", "talks", IMAGE, "sh", "-c", "while :; do echo y; sleep 0.1; done")
    try:
        before = windows.status()["connections"]
        followers = [windows.wine.popen([DOCKER, "logs", "-f", "talks"]) for _ in range(5)]
        wait_for(lambda: windows.status()["connections"] >= before + 5)
        for follower in followers:
            follower.kill()
        wait_for(lambda: windows.status()["connections"] <= before)
    finally:
        windows.docker("rm", "-f", "talks")


def test_the_setting_gives_the_default_pipe_back(windows: Windows) -> None:
    windows.slipway("settings", "set", "default_pipe", "false")
    try:
        wait_for(lambda: "docker_engine" not in names(windows))
        refused = windows.wine.run([DOCKER, "version"], DEFAULT, seconds=120)
        assert refused.code != 0
        assert windows.docker("version", "--format", "{{.Server.Os}}").strip() == "linux"
        assert windows.status()["also"] == []
    finally:
        windows.slipway("settings", "set", "default_pipe", "true")
    wait_for(lambda: "docker_engine" in names(windows))


def test_another_engine_has_the_default_pipe_first(windows: Windows) -> None:
    """As when Docker Desktop runs: it is named, and the pipe is taken once that has ended."""
    windows.slipway("settings", "set", "default_pipe", "false")
    wait_for(lambda: "docker_engine" not in names(windows))
    with kept(windows.wine, PIPE, r"\\.\pipe\docker_engine"):
        windows.slipway("settings", "set", "default_pipe", "true")
        wait_for(lambda: bool(windows.status()["warnings"]))
        (warning,) = windows.status()["warnings"]
        assert warning["message"].startswith(
            r"Docker's default pipe \\.\pipe\docker_engine is used by python.exe ("
        )
        assert windows.status()["also"] == []
    wait_for(lambda: windows.status()["also"] == ["npipe:////./pipe/docker_engine"])
    assert windows.status()["warnings"] == []


def test_a_stop_gives_the_default_pipe_back(windows: Windows) -> None:
    windows.slipway("stop")
    try:
        assert "docker_engine" not in names(windows)
    finally:
        windows.slipway("start")
    assert "docker_engine" in names(windows)
