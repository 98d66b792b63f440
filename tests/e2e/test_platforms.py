"""What docker prints of an image for another platform: dockerd's words, and what to do about it."""

from __future__ import annotations

import pytest

from desktop.supervisor.engines.windows import HINT
from installers.checkout.fetch import FOREIGN
from tests.e2e.cli import Program
from tests.e2e.registry import Registry
from vm.host import host

pytestmark = [pytest.mark.machine, pytest.mark.usefixtures("machine")]  # it is its endpoint that says so

LAYER = bytes(1024)  # an empty tar
OWN = host().arch.value
NO_MATCH = f"no matching manifest for linux/{OWN} in the manifest list entries"
FOR_WINDOWS = f". This image is for Windows. {HINT} Here, pull another one for Linux."


@pytest.fixture
def windows(registry: Registry, name: str) -> str:
    """An image for Windows alone; in the list ``list`` too."""
    registry.publish(name, "one", LAYER, "amd64", "windows")
    registry.publish_list(name, "list", {"one": "windows/amd64"})
    return f"{registry.address}/{name}"


@pytest.mark.parametrize("command", [("pull",), ("run", "--rm")])
def test_a_list_with_windows_alone(docker: Program, windows: str, command: tuple[str, ...]) -> None:
    failed = docker.fails(*command, f"{windows}:list")
    assert NO_MATCH + FOR_WINDOWS in failed.err


@pytest.mark.parametrize("command", [("pull",), ("run", "--rm")])
def test_an_image_for_windows(docker: Program, windows: str, command: tuple[str, ...]) -> None:
    failed = docker.fails(*command, f"{windows}:one")
    wanted = 'image operating system "windows" cannot be used on this platform: operating system is not supported'
    assert wanted + FOR_WINDOWS in failed.err


def test_an_architecture_that_is_emulated(
    docker: Program, registry: Registry, foreign_image: str, name: str
) -> None:
    foreign = f"linux/{FOREIGN[OWN]}"
    image = f"{registry.address}/{name}"
    docker("tag", foreign_image, f"{image}:one")
    docker("push", f"{image}:one")
    docker("rmi", f"{image}:one")
    registry.publish_list(name, "list", {"one": foreign})
    failed = docker.fails("run", "--rm", f"{image}:list", "true")
    assert f"{NO_MATCH}. This image is for {foreign}. To run it by emulation: --platform {foreign}" in failed.err
    try:
        docker("run", "--rm", "--platform", foreign, f"{image}:list", "true")
    finally:
        docker.run("rmi", "-f", f"{image}:list")


def test_an_architecture_that_is_not(docker: Program, registry: Registry, name: str) -> None:
    registry.publish(name, "one", LAYER, "s390x")
    registry.publish_list(name, "list", {"one": "linux/s390x"})
    failed = docker.fails("pull", f"{registry.address}/{name}:list")
    runs = f"linux/{OWN} and linux/{FOREIGN[OWN]}"
    assert (
        f"{NO_MATCH}. This image is for linux/s390x, and this engine runs {runs}. "
        "It cannot run here: pull another one." in failed.err
    )


def test_a_platform_that_there_is_not(docker: Program, registry: Registry, name: str) -> None:
    registry.publish(name, "one", LAYER, OWN)
    registry.publish_list(name, "list", {"one": f"linux/{OWN}"})
    failed = docker.fails("pull", "--platform", "linux/s390x", f"{registry.address}/{name}:list")
    assert f"This image is for linux/{OWN}. Leave out --platform for linux/{OWN}." in failed.err


def test_any_other_failure_is_left_alone(docker: Program, registry: Registry, windows: str) -> None:
    failed = docker.fails("pull", f"{windows}:none")
    assert failed.err.rstrip().endswith(
        f"manifest for {windows}:none not found: manifest unknown: manifest unknown"
    )
