"""What a request says of its caller: few variables, each bounded, and only those of the asking shell."""

from __future__ import annotations

import os
from pathlib import Path

import httpx
import pytest

from desktop.control.calls import ControlApi
from desktop.control.client import ControlClient
from desktop.control.codec import DecodeError
from desktop.control.schema import CallerEnvironment, Note
from desktop.control.schema.caller import HEADER, HEADER_BYTES, LONGEST
from desktop.supervisor.server import serve
from tests.unit.desktop.supervisor.test_server import complete, raw
from vm.host.paths import Paths

pytestmark = pytest.mark.both_loops


def test_only_what_answers_depend_on() -> None:
    secret = {"AWS_SECRET_ACCESS_KEY": "s3cret", "HTTPS_PROXY": "http://ann:pass@proxy:1"}
    caller = CallerEnvironment.of({**secret, "DOCKER_HOST": "tcp://x", "http_proxy": "a", "HTTP_PROXY": "b"})
    assert "s3cret" not in caller.header()
    assert "pass" not in repr(caller)
    wanted = {"DOCKER_HOST": "tcp://x", "HTTP_PROXY": "a", "HTTPS_PROXY": secret["HTTPS_PROXY"]}
    assert caller.variables() == {**wanted, "DOCKER_CONFIG": str(Path.home() / ".docker")}
    assert CallerEnvironment.from_header(caller.header()) == caller


def test_paths_mean_the_same_in_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = {"DOCKER_CONFIG": "cfg", "SSH_AUTH_SOCK": "a/gent", "PATH": f"bin::{tmp_path}/bin:./x:/usr/bin"}
    assert CallerEnvironment.of(names).variables() == {
        "DOCKER_CONFIG": f"{tmp_path}/cfg",
        "SSH_AUTH_SOCK": f"{tmp_path}/a/gent",
        "PATH": f"{tmp_path}/bin:/usr/bin",
    }


def test_another_home_has_another_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert CallerEnvironment.of({}).docker_config == f"{tmp_path}/.docker"


def test_what_is_not_set_is_not_set() -> None:
    own = {"DOCKER_HOST": "own", "http_proxy": "own", "LANG": "C"}
    assert CallerEnvironment.of({"DOCKER_CONFIG": "/d"}).within(own) == {"LANG": "C", "DOCKER_CONFIG": "/d"}


@pytest.mark.parametrize(
    "header",
    [
        "",
        "x",
        "[]",
        "{",
        '{"path": 1}',
        '{"path": "a\\u0000"}',
        f'{{"path": "{"a" * (LONGEST + 1)}"}}',
        '{"path":null}',
    ],
)
async def test_nonsense_is_refused(paths: Paths, header: str) -> None:
    with pytest.raises(DecodeError):
        CallerEnvironment.from_header(header)
    async with serve(complete(), paths.control_socket):
        transport = httpx.AsyncHTTPTransport(uds=str(paths.control_socket), verify=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://slipway") as client:
            reply = await client.get("/v1/disk", headers={HEADER: header})
    assert reply.status_code == 400
    assert reply.json()["code"] == "BadRequest"


async def test_the_longest_arrives(paths: Paths) -> None:
    """Also of characters that JSON writes with twelve bytes, and of bytes that are not UTF-8."""
    values = dict.fromkeys(("DOCKER_HOST", "HTTP_PROXY", "NO_PROXY", "ALL_PROXY"), "🐳" * (LONGEST - 1) + "\udcff")
    heard: list[CallerEnvironment] = []

    def use(caller: CallerEnvironment) -> Note:
        heard.append(caller)
        return Note("used")

    noticed: list[CallerEnvironment] = []
    route = ControlApi.use_context.handled_for_caller(use)
    async with (
        serve(complete(route), paths.control_socket, noticed.append),
        ControlClient(paths, {**values, "DOCKER_CONTEXT": "x" * (LONGEST + 1)}) as client,
    ):
        await client.use_context()
    caller = CallerEnvironment.of(values)
    assert heard == noticed == [caller]
    assert len(caller.header()) < HEADER_BYTES
    assert caller.docker_context == ""
    assert os.fsencode(caller.docker_host).endswith(b"\xff")


async def test_a_request_that_is_refused_is_not_noticed(paths: Paths) -> None:
    noticed: list[CallerEnvironment] = []
    async with serve(complete(), paths.control_socket, noticed.append):
        await raw(paths, "POST", "/v1/disk/grow", "nonsense")
    assert noticed == []
