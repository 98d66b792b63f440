"""``slipway tls``: from enabling to forgetting, with what it asks and what it writes."""

from __future__ import annotations

import json
import re
import subprocess
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from desktop.cli.tls import tls_enable
from tests.e2e.cli import Program, finish
from tests.localhost import free_port
from tests.unit.desktop.cli.conftest import MakeSlipway
from vm.host import host


@pytest.fixture
def slipway(make_slipway: MakeSlipway) -> Program:
    return make_slipway("running")


@pytest.fixture
def port() -> str:
    return str(free_port())


def report(slipway: Program) -> dict[str, object]:
    found: dict[str, object] = json.loads(slipway("tls", "status", "--json"))
    return found


def clients(slipway: Program) -> dict[str, str]:
    return {one["name"]: one["state"] for one in json.loads(slipway("tls", "client", "list", "--json"))}


def get(port: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Ask the engine's ``/_ping``, by a client that uses neither Python nor Go."""
    files: list[str | Path] = [
        "--cacert",
        folder / "ca.pem",
        "--cert",
        folder / "cert.pem",
        "--key",
        folder / "key.pem",
    ]
    argv = [
        "curl",
        "-sS",
        "--noproxy",
        "*",
        "--max-time",
        "20",
        *files,
        f"https://localhost:{port}/_ping",
    ]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


def test_a_client_s_life(slipway: Program, port: str, tmp_path: Path) -> None:
    assert "off" in slipway("tls", "status")
    assert f"tcp://127.0.0.1:{port}" in slipway("tls", "enable", "--port", port)
    folder = tmp_path / "the bundle"
    told = slipway("tls", "client", "add", "laptop", "--out", folder)
    assert f'docker context create laptop --docker "host=tcp://127.0.0.1:{port},ca={folder}/ca.pem,' in told
    assert all(host().is_private(path) for path in (folder, *folder.iterdir()))
    assert sorted(path.name for path in folder.iterdir()) == ["ca.pem", "cert.pem", "key.pem"]
    assert get(port, folder).stdout == "OK"
    assert f"tcp://127.0.0.1:{port}, for clients with a certificate" in slipway("status")
    assert re.search(r"laptop +valid +\d{4}-\d\d-\d\d +[0-9a-f]{16} +0", slipway("tls", "client", "list"))
    assert "revoked" in slipway("tls", "client", "revoke", "laptop")
    assert clients(slipway) == {"laptop": "revoked"}
    refused = get(port, folder)
    assert refused.returncode != 0
    assert "revoked" in refused.stderr
    assert "To delete its certificates too" in slipway("tls", "disable")
    assert get(port, folder).returncode == 7  # curl: failed to connect
    assert clients(slipway) == {"laptop": "revoked"}
    slipway("tls", "disable", "--forget", "--yes")
    assert clients(slipway) == {}


def test_it_is_on_when_the_background_process_starts_again(slipway: Program, port: str, tmp_path: Path) -> None:
    slipway("tls", "enable", "--port", port)
    slipway("tls", "client", "add", "laptop", "--out", tmp_path / "b")
    slipway("stop")
    assert get(port, tmp_path / "b").returncode == 7
    slipway("start")
    deadline = time.monotonic() + 20
    while get(port, tmp_path / "b").stdout != "OK":
        assert time.monotonic() < deadline


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "[::]", "192.0.2.1"])
def test_other_computers_are_let_in_only_when_that_is_confirmed(address: str) -> None:
    """It is refused before anything is asked of the background process."""
    refused = CliRunner().invoke(tls_enable, ["--address", address])
    assert refused.exit_code == 2
    assert f"{address} is not a loopback address" in refused.output
    assert "pass --yes" in refused.output


def test_a_terminal_is_asked(slipway: Program, port: str) -> None:
    command = ("tls", "enable", "--address", "0.0.0.0", "--port", port, "--host", "build.example")
    for answer, enabled in (("n", False), ("y", True)):
        terminal = slipway.terminal(*command)
        terminal.expect_exact("Continue?")
        terminal.sendline(answer)
        assert (finish(terminal) == 0) == enabled
        assert report(slipway)["enabled"] is enabled
    assert report(slipway)["url"] == f"tcp://build.example:{port}"
    told = slipway("tls", "status")
    assert "other computers" in told
    assert "Authority" in told
    slipway("tls", "disable")


def test_what_is_refused_changes_nothing(slipway: Program, port: str, tmp_path: Path) -> None:
    assert "slipway tls enable" in slipway.fails("tls", "client", "add", "laptop", "--out", tmp_path / "b").err
    assert "not an IP address" in slipway.fails("tls", "enable", "--address", "localhost").err
    slipway("tls", "enable", "--port", port)
    assert slipway.fails("tls", "disable", "--forget").code == 2
    (tmp_path / "mine").write_text("precious")
    assert "exists already" in slipway.fails("tls", "client", "add", "laptop", "--out", tmp_path).err
    assert "slipway tls client list" in slipway.fails("tls", "client", "revoke", "nobody").err
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    found = report(slipway)
    assert (found["listening"], found["clients"]) == (True, [])
