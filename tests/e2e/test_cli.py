"""``slipway`` by hand on the session's machine: what it prints, its exit codes, how it behaves in a terminal."""

from __future__ import annotations

import json
import re
import stat
import zipfile
from pathlib import Path

import pytest

from desktop.settings.daemon import CHOICES, KINDS
from tests.e2e.cli import Program, finish, venv_program
from tests.e2e.conftest import RunningMachine
from tests.e2e.leftovers import assert_nothing_left

pytestmark = pytest.mark.machine

ESCAPE = "\x1b"


@pytest.fixture
def slipway(machine: RunningMachine) -> Program:
    return machine.slipway


def test_status_is_a_real_answer(slipway: Program, machine: RunningMachine) -> None:
    status = json.loads(slipway("status", "--json"))
    assert status["state"] == "running"
    assert status["engine"]["version"].startswith("28.5")
    assert status["engine"]["os"] == "linux"
    assert status["socket"] == f"unix://{machine.socket}"
    assert status["machine"]["pid"]
    speed = status["accelerator"]
    assert speed["why"]
    assert bool(speed["fix"]) or not speed["emulated"]


def test_status_for_a_user(slipway: Program) -> None:
    told = slipway("status")
    assert re.search(r"^Slipway\s+running", told, re.MULTILINE)
    assert re.search(r"^Engine\s+Moby 28\.5\.\S+ \(API 1\.\d+\), linux/", told, re.MULTILINE)
    assert ESCAPE not in told  # colours are for terminals


def test_timing_is_kept(slipway: Program) -> None:
    boots = json.loads(slipway("status", "--json", "--timing"))["boots"]
    stages = boots[-1]["stages"]
    names = [stage["name"] for stage in stages]
    assert names[:4] == ["image", "disk", "accelerator", "qemu"]
    assert names[-1] == "socket"
    assert {"init", "data", "sshd", "link", "containerd", "dockerd"} <= set(names)
    seconds = [stage["seconds"] for stage in stages]
    assert seconds == sorted(seconds)
    assert boots[-1]["total"] == seconds[-1] > 0
    told = slipway("status", "--timing")
    assert all(re.search(rf"^  {name} +\d+\.\d\d s", told, re.MULTILINE) for name in names)


def test_the_socket_is_private(machine: RunningMachine) -> None:
    assert stat.S_IMODE(machine.socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(machine.socket.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE((machine.home / "run" / "control.sock").stat().st_mode) == 0o600


def test_start_again_changes_nothing(slipway: Program) -> None:
    before = json.loads(slipway("status", "--json"))["machine"]
    result = slipway.run("start")
    assert (result.code, result.err) == (0, "")
    assert "is already running" in result.out
    assert json.loads(slipway("status", "--json"))["machine"] == before


def test_version(slipway: Program) -> None:
    told = json.loads(slipway("version", "--json"))
    assert told["version"]
    assert told["engine"]["version"].startswith("28.5")
    assert "Moby 28.5" in slipway("version")


def test_settings(slipway: Program) -> None:
    assert "wait_seconds" in slipway("settings", "get")
    assert slipway("settings", "get", "wait_seconds") == "60"
    slipway("settings", "set", "wait_seconds", "61")
    assert slipway("settings", "get", "wait_seconds") == "61"
    slipway("settings", "set", "wait_seconds", "null")
    assert slipway("settings", "get", "wait_seconds", "--json") == "60"


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("memory_mib", "100", "Choose 768 to"),
        ("memory_mib", "lots", "whole number"),
        ("cpus", "1000", "Choose 1 to"),
        ("cpus", "255", "your computer has"),
        ("disk_gib", "8", "shrink"),
        ("acelerator", "tcg", "accelerator"),
        ("daemon", '{"hosts": []}', "daemon.hosts"),
        ("wait_seconds.x", "3", "no members"),
    ],
)
def test_settings_that_are_refused_change_nothing(slipway: Program, name: str, value: str, reason: str) -> None:
    before = slipway("settings", "get", "--json")
    refused = slipway.fails("settings", "set", name, value)
    assert refused.code == 1
    assert reason in refused.err
    assert slipway("settings", "get", "--json") == before


@pytest.mark.parametrize(
    ("daemon", "reason"),
    [
        ({"tlsverify": True}, "dockerd refuses these settings: invalid TLS"),
        ({"labels": ["a=1", "a=2"]}, "dockerd refuses these settings: conflict labels"),
        ({"bip": "nowhere"}, "not an address of its kind"),
        ({"unheard-of": 1}, "not a dockerd setting"),
    ],
)
def test_daemon_json_is_checked_by_dockerd_itself(slipway: Program, daemon: object, reason: str) -> None:
    before = slipway("settings", "get", "--json")
    assert reason in slipway.fails("settings", "set", "daemon", json.dumps(daemon)).err
    assert slipway("settings", "get", "--json") == before


def test_every_key_of_ours_is_one_of_dockerds(slipway: Program) -> None:
    """Else a daemon.json that was accepted would keep dockerd from starting."""
    samples: dict[str, object] = {
        "true or false": False,
        "a string": "",
        "a whole number": 0,
        "a list of strings": [],
        "an object": {},
        "a list of objects": [],
    }
    special: dict[str, object] = {
        **{key: choices[0] for key, choices in CHOICES.items()},
        "default-shm-size": "64m",
    }
    special |= {"mtu": 1500, "network-control-plane-mtu": 1500, "max-download-attempts": 1}
    values = {key: special.get(key, samples[kind]) for key, kind in KINDS.items() if not key.startswith("tls")}
    text = json.dumps(values)  # without certificates, dockerd refuses TLS for that and says nothing else
    command = "cat >/run/all.json; dockerd --validate --config-file=/run/all.json; rm /run/all.json"
    told = slipway.run("shell", "sh", "-c", command, stdin=text)
    assert "configuration OK" in told.out + told.err


def test_a_support_bundle(slipway: Program, tmp_path: Path) -> None:
    path = tmp_path / "bundle.zip"
    slipway("diagnose", "--bundle", path)
    with zipfile.ZipFile(path) as archive:
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    assert json.loads(texts["slipway/engine/version.json"])["version"].startswith("28.5")
    assert "Daemon has completed initialization" in texts["slipway/machine/dockerd.log"]
    assert "machine: starting → running" in texts["slipway/logs/supervisor.log"]
    assert "PRIVATE KEY" not in "".join(texts.values())


def test_which_engine_docker_talks_to(slipway: Program, machine: RunningMachine) -> None:
    told = json.loads(slipway("context", "show", "--json"))
    assert "slipway" in told["names"]
    slipway("context", "use")
    told = json.loads(slipway("context", "show", "--json"))
    assert (told["current"], told["address"], told["answers"]) == ("slipway", f"unix://{machine.socket}", True)
    slipway("context", "restore")


def test_a_setting_that_needs_a_restart_says_so(slipway: Program) -> None:
    before = json.loads(slipway("settings", "get", "memory_mib", "--json"))
    try:
        assert "restart" in slipway("settings", "set", "memory_mib", str(before + 1))
    finally:
        slipway("settings", "set", "memory_mib", "null")


def test_disk_grows_while_it_runs(slipway: Program) -> None:
    before = json.loads(slipway("disk", "info", "--json"))
    assert before["exists"]
    assert 0 < before["allocated"] < before["virtual_size"]
    gib = before["virtual_size"] // 1024**3 + 1
    slipway("disk", "grow", str(gib))
    assert json.loads(slipway("disk", "info", "--json"))["virtual_size"] == gib * 1024**3
    seen = slipway("shell", "--", "df", "-P", "-k", "/var/lib/slipway").splitlines()[1].split()[1]
    assert int(seen) * 1024 > (gib - 1) * 1024**3 * 0.9
    assert json.loads(slipway("settings", "get", "disk_gib", "--json")) == gib
    smaller = slipway.fails("disk", "grow", "1")
    assert "shrink" in smaller.err or "smaller" in smaller.err
    assert slipway.fails("disk", "check").code == 1  # not while it is in use


def test_image_list(slipway: Program) -> None:
    images = json.loads(slipway("image", "list", "--json"))
    current = [item for item in images if item["current"]]
    assert current
    assert all(item["packages"]["docker.io"].startswith("28.5") for item in current)


def test_shell(slipway: Program) -> None:
    assert slipway("shell", "uname", "-s") == "Linux"
    assert slipway("shell", "--", "echo", "two  spaces", "$HOME") == "two  spaces $HOME"
    assert slipway.run("shell", "--", "sh", "-c", "exit 7").code == 7
    assert slipway("shell", "cat", stdin="fed from a pipe\n") == "fed from a pipe"


def test_shell_in_a_terminal(slipway: Program) -> None:
    terminal = slipway.terminal("shell")
    terminal.expect("# ")
    terminal.sendline("echo $((6*7)); exit 3")
    terminal.expect("42")
    assert finish(terminal) == 3


@pytest.mark.parametrize("source", ["supervisor", "dockerd", "containerd"])
def test_logs(slipway: Program, source: str) -> None:
    told = slipway("logs", "--source", source, "-n", "50")
    assert 0 < len(told.splitlines()) <= 50
    assert slipway("logs", "--source", source, "-n", "1").count("\n") == 0


def test_logs_follow(slipway: Program, docker: Program, machine: RunningMachine) -> None:
    terminal = slipway.terminal("logs", "-f", "-n", "0")
    try:
        slipway("settings", "set", "wait_seconds", "60")
        slipway("context", "restore")
        slipway("context", "use")
        terminal.expect(r"context", timeout=20)
    finally:
        terminal.sendintr()
        assert finish(terminal) == 130


def test_diagnose(slipway: Program) -> None:
    told = slipway.run("diagnose", "--json")  # 1 when a check fails, as acceleration does on many a server
    checks = {check["name"]: check for check in json.loads(told.out)}
    assert told.code == int(any(check["passed"] is False for check in checks.values()))
    assert checks["socket"]["passed"] is True
    failed = [check for check in checks.values() if check["passed"] is False]
    assert not [check for check in failed if not check["fix"]], "a failed check has to say what to do"


def test_context(slipway: Program, docker_config: Path, machine: RunningMachine) -> None:
    program = Program(("docker",), {"DOCKER_CONFIG": str(docker_config), "DOCKER_HOST": "", "DOCKER_CONTEXT": ""})
    slipway("context", "use")
    assert program("context", "show") == "slipway"
    endpoint = json.loads(program("context", "inspect", "slipway"))[0]["Endpoints"]["docker"]["Host"]
    assert endpoint == f"unix://{machine.socket}"
    assert "28.5" in program("version", "--format", "{{.Server.Version}}")
    slipway("context", "restore")
    assert program("context", "show") == "default"
    slipway("context", "use")


def shell_with(slipway: Program, **variables: str) -> Program:
    """``slipway`` in another terminal, whose environment differs."""
    return Program(slipway.argv, {**slipway.environment, "DOCKER_HOST": "", "DOCKER_CONTEXT": "", **variables})


def test_whoever_asks_is_answered_for_their_own_environment(
    slipway: Program, machine: RunningMachine, tmp_path: Path
) -> None:
    other = shell_with(slipway, DOCKER_CONFIG=str(tmp_path / "docker"))
    docker = Program(("docker",), {**other.environment})
    assert json.loads(other("context", "show", "--json"))["current"] == docker("context", "show") == "default"
    assert "is already running" in other("start")  # and makes the context there
    assert json.loads(other("context", "show", "--json"))["address"] == f"unix://{machine.socket}"
    assert "28.5" in docker("--context", "slipway", "version", "--format", "{{.Server.Version}}")
    other("context", "use")
    assert docker("context", "show") == "slipway"
    for variable, value, name in (
        ("DOCKER_HOST", "tcp://127.0.0.1:1", "default"),
        ("DOCKER_CONTEXT", "gone", "gone"),
    ):
        third = shell_with(other, **{variable: value})
        shown = json.loads(third("context", "show", "--json"))
        assert (shown["current"], shown["override"], shown["answers"]) == (name, f"{variable}={value}", False)
        checks = {check["name"]: check for check in json.loads(third.run("diagnose", "--json").out)}
        assert checks["context"]["fix"] == f"unset {variable}"
    other("context", "restore")
    assert docker("context", "show") == "default"
    assert slipway("context", "show").splitlines()[0].split()[-1] == "slipway"


def test_a_configuration_that_cannot_be_read_ends_no_start(slipway: Program, tmp_path: Path) -> None:
    config = tmp_path / "docker" / "config.json"
    config.parent.mkdir()
    config.symlink_to(config.name)
    other = shell_with(slipway, DOCKER_CONFIG=str(config.parent))
    told = other("start")
    assert f"{config} cannot be read" in told
    assert "It is a symbolic link that leads to itself" in told
    assert f"! {config} cannot be read" in slipway("status")
    assert other.run("context", "use").code == 1
    config.unlink()
    other("context", "use")
    assert str(config) not in slipway("status")
    other("context", "restore")


def test_progress_is_for_terminals(machine: RunningMachine) -> None:
    terminal = machine.slipway.terminal("start")
    terminal.expect("is already running")
    assert finish(terminal) == 0


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell: str) -> None:
    slipway = Program((str(venv_program("slipway")),), {})
    assert "_SLIPWAY_COMPLETE" in slipway("completion", shell)


def test_completion_in_bash(tmp_path: Path) -> None:
    slipway = Program((str(venv_program("slipway")),), {"SLIPWAY_HOME": str(tmp_path)})
    script = slipway("completion", "bash")
    asked = f"""{script}
    COMP_WORDS=(slipway settings get dis); COMP_CWORD=3
    _slipway_completion slipway; printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    environment = {"PATH": f"{venv_program('slipway').parent}:/usr/bin:/bin"}
    assert Program(("bash", "-c"), environment)(asked) == "disk_gib"


def test_wrong_usage() -> None:
    slipway = Program((str(venv_program("slipway")),), {})
    assert slipway.run("strat").code == 2
    assert slipway.run("logs", "--source", "nobody").code == 2
    assert slipway.run("disk", "grow", "much").code == 2


def test_nothing_runs(tmp_path: Path) -> None:
    """Without a supervisor nothing is started just to say so."""
    slipway = Program((str(venv_program("slipway")),), {"SLIPWAY_HOME": str(tmp_path)})
    status = slipway.run("status")
    assert status.code == 3
    assert "stopped" in status.out
    assert slipway("stop") == "Slipway is already stopped"
    assert slipway.run("shell").code == 3
    assert json.loads(slipway("version", "--json"))["engine"] is None
    assert_nothing_left(tmp_path)
