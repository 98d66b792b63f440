"""Whoever asks is answered for their own environment, by the supervisor and by its stand-in."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from desktop.control.client import ControlClient
from desktop.control.schema import CallerEnvironment, ContextReport
from desktop.supervisor.app import Supervisor
from desktop.supervisor.fake.scenario import Scenario
from desktop.supervisor.fake.supervisor import FakeSupervisor
from desktop.supervisor.fake.supervisor import handlers as fake_handlers
from desktop.supervisor.handlers import handlers
from desktop.supervisor.server import serve
from vm.host import host
from vm.host.paths import Paths

Ask = Callable[..., AbstractAsyncContextManager[ControlClient]]

pytestmark = pytest.mark.both_loops


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """The supervisor's own environment is of another terminal."""
    for name, value in {
        "DOCKER_CONFIG": str(tmp_path / "of-the-supervisor"),
        "DOCKER_HOST": "tcp://of-the-supervisor:1",
        "HTTP_PROXY": "http://of-the-supervisor:1",
        "SSH_AUTH_SOCK": "/of/the/supervisor",
    }.items():
        monkeypatch.setenv(name, value)
    made = Paths(tmp_path / "h", tmp_path / "c")
    made.prepare()
    return made


@asynccontextmanager
async def supervised(paths: Paths, kind: str) -> AsyncIterator[Supervisor | FakeSupervisor]:
    """A supervisor that serves; its machine is off."""
    async with AsyncExitStack() as stack:
        supervisor: Supervisor | FakeSupervisor
        if kind == "real":
            supervisor = Supervisor(paths, host())
            routes = handlers(supervisor)
        else:
            supervisor = FakeSupervisor(paths, host(), Scenario())
            routes = fake_handlers(supervisor)
        await supervisor.open()
        stack.push_async_callback(supervisor.close)
        stack.push_async_callback(supervisor.settle)
        await stack.enter_async_context(serve(routes, paths.control_socket, supervisor.notice))
        yield supervisor


@pytest.fixture(params=["real", "fake"])
async def ask(request: pytest.FixtureRequest, paths: Paths, tmp_path: Path) -> AsyncIterator[Ask]:
    """``async with ask("ann", DOCKER_HOST=…) as client``: a client with a configuration folder of that name."""

    @asynccontextmanager
    async def asking(name: str, **variables: str) -> AsyncIterator[ControlClient]:
        environment = {"DOCKER_CONFIG": str(tmp_path / name), "PATH": str(tmp_path / name), **variables}
        async with ControlClient(paths, environment) as client:
            yield client

    async with supervised(paths, request.param):
        yield asking


async def test_each_has_a_context_of_its_own(ask: Ask, paths: Paths) -> None:
    async with ask("ann") as ann, ask("bob") as bob:
        assert "now" in (await ann.use_context()).text
        assert (await ann.context()).ours
        assert (await bob.context()).current == "default"
        await bob.use_context()
        await ann.restore_context()
        assert (await ann.context()).current == "default"
        report = await bob.context()
        assert (report.current, report.address, report.previous) == ("slipway", paths.docker_host, "default")


@pytest.mark.parametrize(
    ("variables", "current", "address", "override"),
    [
        ({"DOCKER_HOST": "tcp://a:1"}, "default", "tcp://a:1", "DOCKER_HOST=tcp://a:1"),
        ({"DOCKER_CONTEXT": "gone"}, "gone", "", "DOCKER_CONTEXT=gone"),
        ({}, "slipway", None, ""),
    ],
)
async def test_variables_of_the_asking_shell(
    ask: Ask, paths: Paths, variables: dict[str, str], current: str, address: str | None, override: str
) -> None:
    async with ask("ann", **variables) as ann:
        await ann.use_context()
        report = await ann.context()
    assert (report.current, report.override) == (current, override)
    assert report.address == (paths.docker_host if address is None else address)


async def test_diagnose_is_about_the_asking_shell(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "ann").mkdir()
    (tmp_path / "ann" / "config.json").write_text('{"credsStore": "absent"}')
    async with ask("ann") as ann, ask("bob", DOCKER_HOST="tcp://bobs:1") as bob:
        of_ann = {check.name: check for check in await ann.diagnose()}
        of_bob = {check.name: check for check in await bob.diagnose()}
        assert of_ann["credentials"].passed is False
        assert str(tmp_path / "ann") in of_ann["credentials"].found
        assert of_bob["credentials"].passed
        assert of_bob["context"].fix == "unset DOCKER_HOST"
        assert "of-the-supervisor" not in of_ann["context"].found
        bundle = {file.name: file.text for file in await bob.bundle()}
    assert "DOCKER_HOST=tcp://bobs:1" in bundle["environment.txt"]
    assert "of-the-supervisor" not in bundle["environment.txt"]


@pytest.mark.parametrize("ask", ["real"], indirect=True)
async def test_helpers_are_those_of_the_asking_shell(ask: Ask, tmp_path: Path) -> None:
    for name in ("ann", "bob"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text('{"credsStore": "mine"}')
    program = tmp_path / "bob" / "docker-credential-mine"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    async with ask("ann") as ann, ask("bob") as bob:
        assert "Nothing was changed" in (await bob.change_helpers(True)).text
        assert str(tmp_path / "ann") in (await ann.change_helpers(True)).text
        assert (await bob.change_helpers(False)).text == "Nothing to restore"
        await ann.change_helpers(False)
    assert json.loads((tmp_path / "ann" / "config.json").read_text()) == {"credsStore": "mine"}


async def test_who_does_not_say_is_answered_for_the_supervisor(ask: Ask, paths: Paths) -> None:
    """As a client of an older version."""
    async with ControlClient(paths) as client:
        del client._http.headers["Slipway-Caller"]  # noqa: SLF001 - what no client of this version does
        assert (await client.context()).address == "tcp://of-the-supervisor:1"


async def test_a_new_login_brings_its_agent(paths: Paths) -> None:
    async with supervised(paths, "real") as supervisor:
        assert isinstance(supervisor, Supervisor)
        agents = supervisor.environment.agents

        async def seen(path: str) -> list[str]:
            async with ControlClient(paths, {"SSH_AUTH_SOCK": path}) as client:
                await client.status()
            return list(agents)

        assert await seen("/of/login-2") == ["/of/login-2", "/of/the/supervisor"]
        assert (await seen("/of/the/supervisor"))[0] == "/of/login-2"  # a window of the first login asks on and on
        assert (await seen(""))[0] == "/of/login-2"
        supervisor.environment.use(CallerEnvironment.of({"SSH_AUTH_SOCK": "/of/the/supervisor"}))
        assert next(iter(agents)) == "/of/the/supervisor"


async def test_a_start_brings_its_proxies(paths: Paths) -> None:
    async with supervised(paths, "real") as supervisor:
        assert isinstance(supervisor, Supervisor)
        environment, told = supervisor.environment, []
        environment.changed.append(lambda: told.append(environment.variables().get("HTTP_PROXY")))
        assert environment.variables()["HTTP_PROXY"] == "http://of-the-supervisor:1"
        for _ in range(2):
            environment.use(CallerEnvironment.of({"http_proxy": "http://new:1"}))
        environment.use(CallerEnvironment.of({}))
        assert told == ["http://new:1", None]
        assert environment.variables()["HOME"] == os.environ["HOME"]


async def test_the_reports_agree(paths: Paths, tmp_path: Path) -> None:
    """The stand-in says the same as the supervisor."""
    said: dict[str, list[ContextReport]] = {}
    for kind in ("real", "fake"):
        async with supervised(paths, kind):
            for variables in ({}, {"DOCKER_HOST": "tcp://127.0.0.1:1"}, {"DOCKER_CONTEXT": "gone"}):
                environment = {"DOCKER_CONFIG": str(tmp_path / kind), **variables}
                async with ControlClient(paths, environment) as client:
                    await client.use_context()
                    said.setdefault(kind, []).append(await client.context())
    for real, fake in zip(said["real"][1:], said["fake"][1:], strict=True):
        assert real == fake
