"""The support bundle: all its parts, also where some are not available, and nothing private in it."""

from __future__ import annotations

import dataclasses
import json
import stat
import zipfile
from pathlib import Path

import pytest

from desktop.control.bundle import have_bundle, save_bundle
from desktop.control.client import ControlClient, own_paths
from desktop.control.schema import BundleFile, ContextReport, EngineState, LogPart, RunState, Status
from desktop.diagnostics import Context
from desktop.settings.schema import Settings, SettingsError
from desktop.support import bundle
from desktop.support.redact import REDACTED
from engine.context_store import ContextError
from vm.errors import HostError, MachineError
from vm.host import host
from vm.host.paths import Paths

SECRET = "hunter2-Sw0rdf1sh"


@pytest.fixture
def installation(tmp_path: Path) -> Context:
    paths = Paths(tmp_path / "home", tmp_path / "cache")
    paths.prepare()
    docker = tmp_path / "docker"
    docker.mkdir()
    login = {"auths": {"registry.example": {"auth": SECRET}}, "HttpHeaders": {"X": SECRET}, "credsStore": "pass"}
    (docker / "config.json").write_text(json.dumps(login))
    paths.supervisor_log.write_text(f"Authorization: Bearer {SECRET}\nall is well\n")
    environment = {
        "DOCKER_CONFIG": str(docker),
        "PATH": "/usr/bin",
        "https_proxy": f"http://me:{SECRET}@proxy:1",
        "DOCKER_AUTH_CONFIG_TOKEN": SECRET,
        "MY_DIARY": "strictly private",
    }
    settings = Settings(daemon={"proxies": {"http-proxy": f"http://me:{SECRET}@proxy:3128"}})
    return Context(paths, host(), settings, Status(RunState.STOPPED, "stopped", "unix:///x"), environment)


async def docker_report() -> ContextReport:
    return ContextReport("default", "unix:///x", False, False)


async def no_report() -> ContextReport:
    raise ContextError("config.json is not valid JSON")


async def guest_log(source: str, offset: int) -> LogPart:
    text = f"{source}: password={SECRET} x\n"
    return LogPart(text[offset:], len(text))


async def no_log(source: str, offset: int) -> LogPart:
    raise MachineError("The machine is not running")


def by_name(files: list[BundleFile]) -> dict[str, str]:
    return {file.name: file.text for file in files}


async def test_everything_is_there_and_no_secret(installation: Context) -> None:
    files = by_name(await bundle.collect(installation, docker_report(), [], guest_log))
    assert SECRET not in "".join(files.values())
    assert "strictly private" not in "".join(files.values())
    assert files["logs/supervisor.log"] == f"Authorization: {REDACTED}\nall is well\n"
    assert json.loads(files["settings.json"])["daemon"]["proxies"]["http-proxy"] == f"http://{REDACTED}@proxy:3128"
    assert json.loads(files["docker/config.json"]) == {"auths": ["registry.example"], "credsStore": "pass"}
    assert json.loads(files["docker/context.json"])["current"] == "default"
    assert json.loads(files["status.json"])["state"] == "stopped"
    assert f"https_proxy=http://{REDACTED}@proxy:1" in files["environment.txt"]
    assert files["machine/dockerd.log"] == f"dockerd: password={REDACTED} x\n"
    assert "QEMU" in files["diagnosis.txt"]
    assert "Memory" in files["about.txt"]


async def test_the_engine_of_windows_containers(installation: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "logs/windows-engine.log" not in by_name(
        await bundle.collect(installation, docker_report(), [], guest_log)
    )
    monkeypatch.setenv("SLIPWAY_WINDOWS_ENGINE", '["x"]')
    engines = (
        EngineState("linux", "Linux containers", "linux", RunState.RUNNING, "Running", in_use=True),
        EngineState("windows", "Windows containers", "windows", RunState.STOPPED, "Stopped"),
    )
    proxies = {"proxies": {"http-proxy": "http://you:other-secret@proxy:3128"}}
    both = dataclasses.replace(
        installation,
        status=dataclasses.replace(installation.status, engines=engines),
        settings=Settings(windows_daemon=proxies),
    )
    files = by_name(await bundle.collect(both, docker_report(), [], guest_log))
    assert files["logs/windows-engine.log"] == f"windows: password={REDACTED} x\n"
    stored = json.loads(files["settings.json"])["windows_daemon"]
    assert stored["proxies"]["http-proxy"] == f"http://{REDACTED}@proxy:3128"
    assert "other-secret" not in "".join(files.values())


async def test_what_cannot_be_had_says_why(installation: Context) -> None:
    broken = dataclasses.replace(installation, settings=SettingsError("not valid JSON", detail="line 3"))
    files = by_name(await bundle.collect(broken, no_report(), [], no_log))
    assert files["docker/context.json"] == "(not available: config.json is not valid JSON)\n"
    assert files["machine/dockerd.log"] == "(not available: The machine is not running)\n"
    assert files["machine/qemu.json"] == "(not available: No such file or directory)\n"
    assert files["engine/info.json"].startswith("(not available: ")
    assert files["settings.json"] == "not valid JSON\nline 3\n"


async def test_only_the_end_of_a_long_log(installation: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "MAX_LOG_BYTES", 10)
    installation.paths.supervisor_log.write_text("beginning and end")
    files = by_name(await bundle.collect(installation, docker_report(), [], no_log))
    assert files["logs/supervisor.log"] == "ng and end"


def test_saving(tmp_path: Path) -> None:
    path = tmp_path / "bundle.zip"
    save_bundle(path, [BundleFile("a/b.txt", "ü")])
    with zipfile.ZipFile(path) as archive:
        assert archive.read("slipway/a/b.txt").decode() == "ü"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(HostError, match="cannot be written"):
        save_bundle(tmp_path / "no" / "bundle.zip", [])
    assert list(tmp_path.iterdir()) == [path]


async def test_without_a_supervisor_there_is_a_bundle_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLIPWAY_HOME", str(tmp_path))
    monkeypatch.setenv("SLIPWAY_FAKE", "nonsense")  # a supervisor that ends at once
    async with ControlClient(own_paths()) as client:
        files = by_name(await have_bundle(client))
    assert "did not start" in files["supervisor.txt"]
    assert "nonsense" in files["logs/supervisor.out"]
    assert '"unreachable"' in files["status.json"]
    assert "Settings: " in files["diagnosis.txt"]
    assert "not available" in files["machine/dockerd.log"]
