"""Docker contexts as endpoints."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from engine.context_store import ContextStore
from engine.remote.endpoints import Kind, parse, read_endpoints
from tests.unit.engine.remote.doors import certificates
from vm.host import host
from vm.host.paths import docker_address


@pytest.mark.parametrize(
    ("address", "kind", "host", "port"),
    [
        ("tcp://10.0.0.5", Kind.PLAIN, "10.0.0.5", 2375),
        ("10.0.0.5:99", Kind.PLAIN, "10.0.0.5", 99),
        ("tcp://[fd00::1]:2375", Kind.PLAIN, "fd00::1", 2375),
        ("https://far.example", Kind.TLS, "far.example", 2376),
        ("ssh://far.example", Kind.SSH, "far.example", 0),
        ("ssh://me@far.example:2222", Kind.SSH, "far.example", 2222),
        ("unix:///run/user/1000/docker.sock", Kind.LOCAL, "localhost", 0),
    ],
)
def test_addresses(address: str, kind: Kind, host: str, port: int) -> None:
    found = parse("far", address)
    assert (found.kind, found.host, found.port, found.problem) == (kind, host, port, "")


def test_parts_of_addresses() -> None:
    assert parse("far", "ssh://me@far").user == "me"
    assert parse("far", "ssh://far/run/user/7/docker.sock").path == "/run/user/7/docker.sock"
    assert parse("far", "unix:///run/docker.sock").path == "/run/docker.sock"
    assert parse("far", "npipe:////./pipe/docker_engine").path == r"\\.\pipe\docker_engine"


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("", "names no engine"),
        ("ssh://me:secret@far", "holds a password"),
        ("ssh://-oProxyCommand=id", "names no computer"),
        ("ssh://-l@far", "names no computer"),
        ("ssh://", "names no computer"),
        ("tcp://far:99999", "cannot be read"),
        ("tcp://far:port", "cannot be read"),
        ("unix:///a%zz", "cannot be read"),
        ("fd://", "of the kind “fd”"),
    ],
)
def test_addresses_that_cannot_be_used(address: str, why: str) -> None:
    assert why in parse("far", address).problem


def test_a_password_in_an_address_is_not_shown() -> None:
    assert "secret" not in repr(parse("far", "ssh://me:secret@far"))


def made_by_docker(folder: Path, name: str, endpoint: str) -> None:
    """Make a context by the real command."""
    program = shutil.which("docker")
    if program is None:
        pytest.fail("These tests need the docker command.")
    subprocess.run(
        [program, "context", "create", name, "--docker", endpoint],
        env={"DOCKER_CONFIG": str(folder), "PATH": "/usr/bin:/bin"},
        check=True,
        capture_output=True,
    )


def test_contexts_that_docker_has_made(tmp_path: Path) -> None:
    ours, _ = certificates(tmp_path / "pki")
    folder = tmp_path / "docker"
    made_by_docker(folder, "far", f"host=tcp://far:2376,ca={ours.ca},cert={ours.cert},key={ours.key}")
    made_by_docker(folder, "build", "host=ssh://me@build")
    made_by_docker(folder, "trusting", "host=tcp://far:2376,skip-tls-verify=true")
    made_by_docker(folder, "own", "host=unix:///slipway.sock")
    environment = {"DOCKER_CONFIG": str(folder)}
    before = snapshot(folder)
    found = {one.name: one for one in read_endpoints(environment, ["unix:///slipway.sock"])}
    assert list(found) == ["default", "build", "far", "trusting"]
    assert found["default"].address == docker_address(host().default_docker_socket)
    assert found["far"].kind is Kind.TLS
    tls = found["far"].tls
    assert tls is not None
    assert tls.verify
    assert [path.read_text() for path in (tls.ca, tls.cert, tls.key) if path] == [
        path.read_text() for path in (ours.ca, ours.cert, ours.key) if path
    ]
    assert (found["build"].kind, found["build"].user) == (Kind.SSH, "me")
    assert found["trusting"].kind is Kind.TLS
    assert found["trusting"].tls is not None
    assert not found["trusting"].tls.verify
    assert snapshot(folder) == before, "they are the user's"


def snapshot(folder: Path) -> Mapping[str, tuple[int, bytes]]:
    return {
        str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*") if path.is_file()
    }


def test_variables_make_the_default(tmp_path: Path) -> None:
    ours, _ = certificates(tmp_path / "pki")
    for path, name in ((ours.ca, "ca"), (ours.cert, "cert"), (ours.key, "key")):
        assert path is not None
        target = tmp_path / "certs" / f"{name}.pem"
        target.parent.mkdir(exist_ok=True)
        shutil.copy(path, target)
    environment = {"DOCKER_CONFIG": str(tmp_path), "DOCKER_HOST": "tcp://far:2376"}
    assert read_endpoints(environment, [])[0].kind is Kind.PLAIN
    environment |= {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(tmp_path / "certs")}
    default = read_endpoints(environment, [])[0]
    assert default.kind is Kind.TLS
    assert default.tls is not None
    assert default.tls.cert == tmp_path / "certs" / "cert.pem"
    assert read_endpoints(environment, ["tcp://far:2376"]) == []


def test_a_context_without_an_engine(tmp_path: Path) -> None:
    store = ContextStore(tmp_path)
    store.write("odd", {"Name": "odd", "Endpoints": {"docker": "?"}})
    store.meta("even").parent.mkdir()
    store.meta("even").write_text(json.dumps({"Name": "even", "Endpoints": []}))
    found = {one.name: one.problem for one in read_endpoints({"DOCKER_CONFIG": str(tmp_path)}, [])}
    assert found["odd"] == found["even"] == "It names no engine."
