"""Where the docker CLI comes from."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from installers.checkout import system, tools
from installers.checkout.console import StepError
from tests.unit.installers.notes import noting


def test_one_on_the_path_is_enough(programs: Callable[..., None], installed: list[str]) -> None:
    programs("docker", "apt-get")
    assert tools.docker_parts() == ()
    tools.ensure_docker()
    assert installed == []


def test_the_systems_package_first(programs: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    programs("apt-get")
    asked: list[str] = []
    monkeypatch.setattr(system, "is_root", lambda: True)
    monkeypatch.setattr(tools, "apt_has", lambda _: True)
    monkeypatch.setattr(system, "apt_install", noting(asked, then=lambda: programs("docker")))
    system.ensure(tools.docker_parts())
    assert asked == ["docker-cli", "docker-buildx"]


def test_else_the_newer_debians_client(programs: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
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
    packaged: bool, command: str, programs: Callable[..., None], monkeypatch: pytest.MonkeyPatch
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
