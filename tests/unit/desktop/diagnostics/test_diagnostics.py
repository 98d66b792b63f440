"""Each check both ways, on an installation made for it."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import types
from pathlib import Path

import pytest

from desktop.control.schema import (
    AcceleratorReport,
    EngineReport,
    ErrorReport,
    FolderReport,
    HopReport,
    MachineReport,
    MemoryReport,
    PartReport,
    PartState,
    RunState,
    Status,
    WarningReport,
)
from desktop.diagnostics import (
    MODULES,
    Context,
    acceleration,
    changes,
    credentials,
    diagnose,
    disk,
    docker_cli,
    endpoint,
    folders,
    host_warnings,
    image,
    keys,
    login,
    machine,
    memory,
    parts,
    ports,
    qemu,
    settings,
    space,
    tls,
)
from desktop.diagnostics import (
    context as docker_context,
)
from desktop.diagnostics.base import Finding, run
from desktop.settings.schema import Settings, SettingsError
from desktop.system import Launch, system
from engine.context_store import ContextStore
from engine.contexts import Contexts
from engine.tls import Place, TlsStore
from vm.errors import UserError
from vm.guest.keys import ensure_keys
from vm.host import host
from vm.host.base import Installer
from vm.host.paths import Paths

STOPPED = Status(RunState.STOPPED, "Slipway is stopped", "unix:///x")
MACHINE = MachineReport(2, 2048, 64, "amd64")


@pytest.fixture
def installation(tmp_path: Path) -> Context:
    paths = Paths(tmp_path / "home", tmp_path / "cache")
    paths.prepare()
    environment = {"DOCKER_CONFIG": str(tmp_path / "docker"), "PATH": str(tmp_path / "bin")}
    return Context(paths, host(), Settings(), STOPPED, environment)


def program(context: Context, name: str, script: str) -> None:
    path = Path(context.environment["PATH"]) / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


async def test_all_of_them_are_made(installation: Context) -> None:
    checks = await diagnose(installation)
    assert [check.name for check in checks] == [module.NAME for module in MODULES]
    assert all(check.description and check.found for check in checks)
    assert not [check for check in checks if check.passed is False and not check.fix]


async def test_a_check_that_breaks_is_told(installation: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(context: Context) -> None:
        raise RuntimeError("bug in the check")

    monkeypatch.setattr(space, "check", broken)
    check = {item.name: item for item in await diagnose(installation)}["disk-space"]
    assert check.passed is None
    assert "bug in the check" in check.found


def test_what_has_passed_needs_no_advice() -> None:
    with pytest.raises(ValueError, match="no fix is needed"):
        Finding(True, "all is well", "do something all the same")


async def test_working_acceleration_needs_no_advice(installation: Context) -> None:
    fast = AcceleratorReport("kvm", emulated=False, proven=True, why="KVM", fix="nothing to fix")
    status = dataclasses.replace(STOPPED, accelerator=fast)
    found = await acceleration.check(dataclasses.replace(installation, status=status))
    assert (found.passed, found.fix) == (True, "")


async def test_settings(installation: Context) -> None:
    assert (await settings.check(installation)).passed
    wrong = dataclasses.replace(installation, settings=SettingsError("nonsense", "fix it", "line 3"))
    check = await run(settings, wrong)
    assert (check.passed, check.found, check.fix) == (False, "nonsense line 3", "fix it")


async def test_settings_that_are_not_known(installation: Context) -> None:
    """They are tolerated, so nothing else would say that they have no effect."""
    installation.paths.settings.write_text('{"schema": 1, "cpuz": 2}')
    found = await settings.check(installation)
    assert not found.passed
    assert found.found.endswith(": cpuz")
    assert "Did you mean “cpus”?" in found.fix
    installation.paths.settings.write_text('{"schema": 99, "accelerator": "quantum"}')
    found = await settings.check(installation)
    assert found.found.endswith(": accelerator")
    assert "update Slipway" in found.fix


async def test_qemu(installation: Context, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert "QEMU" in (await qemu.check(installation)).found
    monkeypatch.setenv("SLIPWAY_QEMU", str(tmp_path))
    with pytest.raises(UserError, match="was not found"):
        await qemu.check(installation)


@pytest.mark.parametrize("emulated", [True, False])
async def test_acceleration(installation: Context, emulated: bool) -> None:
    report = AcceleratorReport("tcg" if emulated else "kvm", emulated, True, "because", "do this")
    finding = await acceleration.check(
        dataclasses.replace(installation, status=dataclasses.replace(STOPPED, accelerator=report))
    )
    assert (finding.passed, finding.found) == (not emulated, "because")


async def test_acceleration_is_not_known_yet(installation: Context) -> None:
    assert (await acceleration.check(installation)).passed is None


async def test_the_image_is_not_there_yet(installation: Context) -> None:
    assert (await image.check(installation)).passed is None


async def test_no_image_where_none_can_be_built(
    installation: Context, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = await image.check(installation)
    assert found.passed is False
    assert found.fix.startswith("Install Slipway again")
    monkeypatch.setenv("SLIPWAY_IMAGE_URL", "https://images.example")
    assert (await image.check(installation)).passed is None


@pytest.mark.parametrize(("free", "passed"), [(1, False), (10**9, True), (10**12, True)])
async def test_space(installation: Context, monkeypatch: pytest.MonkeyPatch, free: int, passed: bool) -> None:
    monkeypatch.setattr(type(installation.host), "free_bytes", lambda self, path: free)
    finding = await space.check(installation)
    assert finding.passed is passed
    assert bool(finding.fix) is not passed
    assert ("few images" in finding.found) is (free == 10**9)


async def test_the_data_disk(installation: Context) -> None:
    assert (await disk.check(installation)).passed is None
    path = installation.paths.data_disk
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", path, "1G"], check=True)
    assert "1 GiB" in (await disk.check(installation)).found
    with path.open("r+b") as stream:
        stream.seek(65536)
        stream.write(b"\xff" * 65536)  # the reference counts
    finding = await run(disk, installation)
    assert finding.passed is False
    assert finding.fix
    path.write_bytes(b"nothing like a disk")
    assert (await run(disk, installation)).passed is False


async def test_folders(installation: Context) -> None:
    assert (await folders.check(installation)).passed is None
    running = dataclasses.replace(STOPPED, machine=dataclasses.replace(MACHINE, pid=1))
    one, two = (FolderReport(folder, folder, "mounted") for folder in ("/a", "/b"))
    there = dataclasses.replace(installation, status=running, folders=(one, two))
    assert await folders.check(there) == Finding(True, "2 shared, all mounted")
    broken = dataclasses.replace(there, folders=(one, dataclasses.replace(two, state="does not answer: why")))
    finding = await folders.check(broken)
    assert (finding.passed, finding.found) == (False, "/b: does not answer: why")


async def test_changes(installation: Context) -> None:
    assert (await changes.check(installation)).passed
    full = dataclasses.replace(installation, unwatched={"/b": "raise it", "/a": "raise it"})
    assert await changes.check(full) == Finding(False, "/a, /b is watched only in part", "raise it")


async def test_parts(installation: Context) -> None:
    assert (await parts.check(installation)).passed is None
    well = PartReport("ports", PartState.RUNNING)
    recovered = PartReport("trust", PartState.RUNNING, 2, "EMFILE")
    failing = PartReport("file events", PartState.RESTARTING, 1, "No space left on device")

    def reported(*found: PartReport) -> Context:
        return dataclasses.replace(installation, status=dataclasses.replace(STOPPED, parts=found))

    assert await parts.check(reported(well)) == Finding(True, "no part is failing")
    assert await parts.check(reported(well, recovered)) == Finding(True, "no part is failing; trust (2 failures)")
    finding = await parts.check(reported(well, failing))
    assert (finding.passed, finding.found) == (False, "file events: No space left on device (1 failure)")
    assert "slipway restart" in finding.fix


async def test_tls(installation: Context) -> None:
    assert await tls.check(installation) == Finding(True, "off")

    def reported(part: PartReport, address: str = "") -> Context:
        return dataclasses.replace(installation, status=dataclasses.replace(STOPPED, parts=(part,), tls=address))

    assert await tls.check(reported(PartReport("tls", PartState.IDLE))) == Finding(True, "off")
    listening = await tls.check(reported(PartReport("tls", PartState.RUNNING), "tcp://127.0.0.1:2376"))
    assert listening.passed
    assert "tcp://127.0.0.1:2376" in listening.found
    taken = await tls.check(reported(PartReport("tls", PartState.RESTARTING, 1, "the port is in use by x")))
    assert (taken.passed, taken.found) == (False, "the port is in use by x")


async def test_ports(installation: Context) -> None:
    assert (await ports.check(installation)).passed
    taken = dataclasses.replace(installation, waiting_ports=["Bind for 0.0.0.0:80 failed: in use by x"])
    finding = await ports.check(taken)
    assert (finding.passed, finding.found) == (False, "Bind for 0.0.0.0:80 failed: in use by x")
    assert finding.fix


async def test_keys(installation: Context) -> None:
    made = ensure_keys(installation.paths.keys)
    assert (await keys.check(installation)).passed
    made.client_private.chmod(0o644)
    finding = await keys.check(installation)
    assert finding.passed is False
    assert f"chmod 600 {made.client_private}" in finding.fix
    made.client_private.chmod(0o600)
    TlsStore(installation.paths.tls, installation.host.make_private).enable(Place())
    assert (await keys.check(installation)).passed
    (installation.paths.tls / "ca-key.pem").chmod(0o640)
    assert (await keys.check(installation)).passed is False


async def test_a_qemu_that_was_left_behind(installation: Context, tmp_path: Path) -> None:
    assert (await machine.check(installation)).passed
    impostor = tmp_path / "qemu-system-x"
    impostor.symlink_to("/bin/sh")
    drive = f"file={installation.paths.data_disk}"
    with subprocess.Popen([impostor, "-c", f"echo ready; read x # {drive}"], stdin=-1, stdout=-1) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            finding = await machine.check(installation)
            assert finding.passed is False
            assert f"kill {process.pid}" in finding.fix
            status = dataclasses.replace(STOPPED, machine=dataclasses.replace(MACHINE, pid=process.pid))
            assert (await machine.check(dataclasses.replace(installation, status=status))).passed
        finally:
            process.kill()


async def test_the_socket(installation: Context) -> None:
    assert (await endpoint.check(installation)).passed is None
    answered = Status(
        RunState.RUNNING,
        "",
        "unix:///x",
        engine=EngineReport("28.5.2", "1.51", "linux", "amd64"),
        hops=(HopReport("qemu-process", True, ""), HopReport("socket", True, "")),
    )
    finding = await endpoint.check(dataclasses.replace(installation, status=answered))
    assert finding.passed
    assert "qemu-process → socket" in finding.found
    broken = Status(RunState.UNREACHABLE, "", "unix:///x", failure=ErrorReport("E", "qmp: silent", "wake it"))
    finding = await endpoint.check(dataclasses.replace(installation, status=broken))
    assert (finding.passed, finding.found, finding.fix) == (False, "qmp: silent", "wake it")


async def test_the_docker_command(installation: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(installation.host), "installer", lambda self, programs: None)
    finding = await docker_cli.check(installation)
    assert (finding.passed, finding.fix) == (False, "Install the docker command line client: docker")
    monkeypatch.setattr(type(installation.host), "installer", lambda self, programs: Installer("m", "get it"))
    assert (await docker_cli.check(installation)).fix == "get it"
    program(installation, "docker", "echo warning >&2; echo Docker version 28.5.2 $DOCKER_CONFIG")
    found = (await docker_cli.check(installation)).found
    assert found.startswith(f"Docker version 28.5.2 {installation.environment['DOCKER_CONFIG']} (")
    program(installation, "docker", "echo broken >&2; exit 1")
    finding = await docker_cli.check(installation)
    assert finding.passed is False
    assert "broken" in finding.found


async def test_the_memory_of_the_machine(installation: Context) -> None:
    assert (await memory.check(installation)).passed is None
    enough = dataclasses.replace(STOPPED, memory=MemoryReport(1 << 30, 1 << 29))
    finding = await memory.check(dataclasses.replace(installation, status=enough))
    assert (finding.passed, finding.found, finding.fix) == (True, "512 of 1024 MiB are available", "")
    report = MemoryReport(1 << 30, 0, shortage="it is full", hint="give it more")
    full = dataclasses.replace(STOPPED, memory=report)
    finding = await memory.check(dataclasses.replace(installation, status=full))
    assert (finding.passed, finding.found, finding.fix) == (False, "it is full", "give it more")


async def test_the_docker_context(installation: Context) -> None:
    assert (await docker_context.check(installation)).passed is None
    contexts = Contexts(installation.paths.contexts, installation.environment)
    contexts.create(installation.paths.docker_host)
    store = ContextStore(Path(installation.environment["DOCKER_CONFIG"]))
    store.write("dead", {"Name": "dead", "Endpoints": {"docker": {"Host": "unix:///no-engine"}}})
    store.set_current("dead")
    finding = await docker_context.check(installation)
    assert finding.passed is False
    assert "slipway context use" in finding.fix
    contexts.use(installation.paths.docker_host)
    assert await docker_context.check(installation) == Finding(True, "docker uses “slipway”")
    elsewhere = {**installation.environment, "DOCKER_HOST": "tcp://elsewhere"}
    finding = await docker_context.check(dataclasses.replace(installation, environment=elsewhere))
    assert finding.passed is False
    assert finding.fix == "unset DOCKER_HOST"
    for variable, value in (("DOCKER_HOST", installation.paths.docker_host), ("DOCKER_CONTEXT", "slipway")):
        here = {**installation.environment, variable: value}
        assert (await docker_context.check(dataclasses.replace(installation, environment=here))).passed
    store.write("slipway", {"Name": "slipway", "Endpoints": {"docker": {"Host": "unix:///another"}}})
    assert (await docker_context.check(installation)).passed is False


async def test_what_was_passed_over(installation: Context) -> None:
    assert (await host_warnings.check(installation)).passed
    status = dataclasses.replace(STOPPED, warnings=(WarningReport("a is broken", "mend a"), WarningReport("b")))
    finding = await host_warnings.check(dataclasses.replace(installation, status=status))
    assert (finding.passed, finding.found, finding.fix) == (False, "a is broken; b", "mend a")


async def test_credential_helpers(installation: Context) -> None:
    assert (await credentials.check(installation)).passed
    config = Path(installation.environment["DOCKER_CONFIG"]) / "config.json"
    config.parent.mkdir()
    config.write_text(json.dumps({"credsStore": "desktop", "credHelpers": {"r.example": "pass"}}))
    finding = await credentials.check(installation)
    assert finding.passed is False
    assert "docker-credential-desktop" in finding.found
    assert "credsStore" in finding.fix
    program(installation, "docker-credential-desktop", "exit 0")
    program(installation, "docker-credential-pass", "exit 0")
    assert (await credentials.check(installation)).passed
    config.write_text("{")
    assert (await run(credentials, installation)).passed is False


def test_each_file_is_a_check() -> None:
    """A check that is written but not listed would never be made."""
    folder = Path(sys.modules["desktop.diagnostics"].__file__ or "").parent
    files = {path.stem for path in folder.glob("*.py")} - {"__init__", "base"}
    listed: list[types.ModuleType] = list(MODULES)
    assert files == {module.__name__.rpartition(".")[2] for module in listed}


async def test_login(installation: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert (await login.check(installation)).passed
    wanted = dataclasses.replace(installation, settings=Settings(start_at_login=True))
    missing = await login.check(wanted)
    assert missing.passed is False
    assert missing.fix == "slipway settings set start_at_login true"
    system().start_at_login(Launch.of(installation.paths, background=True), True)
    assert (await login.check(wanted)).passed
    assert (await login.check(installation)).passed is False
    (entry,) = (tmp_path / "config" / "autostart").iterdir()
    entry.write_text(entry.read_text().replace("Autostart-enabled=true", "Autostart-enabled=false"))
    off = await login.check(wanted)
    assert off.found == "the setting is on, but Slipway was switched off in the desktop's own settings"
    assert off.fix.endswith("slipway settings set start_at_login true")
    assert (await login.check(dataclasses.replace(installation, settings=SettingsError("x")))).passed is None
