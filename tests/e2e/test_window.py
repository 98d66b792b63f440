"""The window as a user meets it: a screen, a mouse, a keyboard and the real machine; the docker CLI checks."""

from __future__ import annotations

import json
import shutil
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from installers.checkout import system
from tests.e2e import images
from tests.e2e.cli import Program, venv_program
from tests.e2e.conftest import START_SECONDS, foreign_socket
from tests.e2e.leftovers import assert_nothing_left, processes_of
from tests.e2e.reader import Reader
from tests.e2e.registry import Registry
from tests.e2e.screen import Screen, screen
from tests.e2e.user import MAIN, User, await_true
from tests.localhost import free_port
from vm.host import host

pytestmark = pytest.mark.machine

NAME = "typed-here"
SERVE = "sh -c 'echo the door is open; mkdir /w; echo here >/w/index.html; exec httpd -f -p 80 -h /w'"
DONE_SECONDS = 120.0
"""For what the engine does at the user's request."""


@dataclass(frozen=True)
class Desk:
    """The screen, the user at it, and the command line that shows what really happened."""

    screen: Screen
    user: User
    docker: Program

    def shows(self, *words: str) -> bool:
        """Whether a docker command succeeds and prints something."""
        done = self.docker.run(*words)
        return done.code == 0 and bool(done.out.strip())

    @contextmanager
    def pictured(self, target: Path) -> Iterator[None]:
        """Save a picture of the screen when the block fails."""
        try:
            yield
        except Exception as error:
            self.screen.picture(target)
            error.add_note(f"the screen then: {target}")
            raise


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder for an installation of its own, with a short path (sockets!)."""
    if foreign_socket():
        pytest.skip("another dockerd has no window of ours")
    folder = Path(tempfile.mkdtemp(prefix="slipway-", dir="/tmp")).resolve()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def desk(home: Path, docker_config: Path, registry: Registry) -> Iterator[Desk]:
    """Slipway is installed, stopped, and trusts the registry; ``slipway open`` has been typed."""
    shutil.copytree(docker_config, home / "docker")
    own = {
        "SLIPWAY_HOME": str(home),
        "DOCKER_CONFIG": str(home / "docker"),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_DATA_HOME": str(home / "share"),
    }
    program = system.find_program("docker")
    assert program, "the docker command line is missing: python3 installers/dev.py setup"
    docker = Program((program,), {**own, "DOCKER_HOST": f"unix://{home}/run/docker.sock", "DOCKER_CONTEXT": ""})
    slipway = Program((str(venv_program("slipway")),), own)
    slipway("settings", "set", "daemon", json.dumps({"insecure-registries": [registry.address]}))
    try:
        with screen(own) as shown:
            Program(slipway.argv, {**own, **shown.environment})("open")
            with Reader(shown.bus) as reader:
                yield Desk(shown, User(shown, reader), docker)
    finally:
        stopped = slipway.run("stop", timeout=300)
    assert stopped.code == 0, f"\n{stopped}"
    assert_nothing_left(home)


def test_a_day_at_the_window(
    desk: Desk, home: Path, registry: Registry, busybox_programs: dict[str, Path], tmp_path: Path
) -> None:
    arch = host().arch.value
    program = busybox_programs[arch]
    layer = images.busybox_layer(program, images.applets(program))
    digest = registry.publish("window/busybox", "1", layer, arch)
    image = f"{registry.address}/window/busybox:1"
    with desk.pictured(tmp_path / "screen.png"):
        the_machine_starts(desk)
        pull(desk, image, digest)
        run(desk, image)
        type_and_read(desk)
        stop_and_remove(desk)
        remove_image(desk, image)
        quit_window(desk, home)


def the_machine_starts(desk: Desk) -> None:
    """Opening the window starts the engine; the window shows when it runs, and docker agrees."""
    desk.user.reader.find(MAIN, "Running", seconds=START_SECONDS)
    assert desk.docker("version", "--format", "{{.Server.Os}}") == "linux"
    assert desk.docker("images", "-q") == ""


def pull(desk: Desk, image: str, digest: str) -> None:
    user = desk.user
    user.click("Images", "radio button")
    user.press("ctrl+l")
    user.fill("Image", image, window="Pull an image")
    user.click("Pull", window="Pull an image")
    await_true(lambda: desk.shows("image", "inspect", image), "the image is there", DONE_SECONDS)
    assert desk.docker("image", "inspect", "--format", "{{.Id}}", image) == digest
    user.reader.find(MAIN, f"Pulled {image}")


def run(desk: Desk, image: str) -> None:
    """Run a container whose web server answers on the host."""
    user, port = desk.user, free_port()
    user.click("Tags: 1")
    user.click("Run…")
    dialog = "Run a container"
    for field, text in (
        ("Name", NAME),
        ("Command", SERVE),
        ("Host port 1", str(port)),
        ("Container port 1", "80"),
    ):
        user.fill(field, text, window=dialog)
    user.click("Run", window=dialog)
    await_true(lambda: desk.shows("ps", "-q", "--filter", f"name={NAME}"), "the container runs", DONE_SECONDS)
    assert desk.docker("inspect", "--format", "{{.Config.Image}}", NAME) == image
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/index.html", timeout=30) as reply:
        assert reply.read() == b"here\n"


def type_and_read(desk: Desk) -> None:
    """What is typed into the terminal is done in the container; its log shows what it printed."""
    user, reader = desk.user, desk.user.reader
    user.click("Containers", "radio button")
    user.click(f"Name: {NAME}", times=2)
    user.click("Open a terminal (Ctrl+T)")
    terminal = reader.find(MAIN, "Terminal in the container")
    reader.find(MAIN, "Ctrl-P Ctrl-Q detaches")
    user.click(terminal.name)
    user.type("echo six times seven is $((6*7)) >/proc/1/fd/1\n")
    await_true(lambda: "is 42" in desk.docker("logs", NAME), "the container has heard it")
    user.press("ctrl+grave")
    log = reader.find(MAIN, "The container's log")
    user.click("Show times")  # they are a column of the text
    await_true(lambda: "is 42" in reader.text(log), "the log shows it")
    await_true(lambda: reader.text(log).split("\n") == desk.docker("logs", NAME).split("\n"), "the same lines")
    assert "the door is open" in reader.text(log)


def stop_and_remove(desk: Desk) -> None:
    user = desk.user
    user.click("Stop")
    state = ("inspect", "--format", "{{.State.Status}}", NAME)
    await_true(lambda: desk.docker(*state) == "exited", "the container has stopped", DONE_SECONDS)
    user.reader.find(MAIN, "Start", "push button")  # the window knows it too
    user.press("alt+Left")
    user.click(f"Name: {NAME}")
    user.press("Delete")
    user.click("Remove", window=f"Remove “{NAME}”?")
    await_true(lambda: desk.docker("ps", "-aq") == "", "the container is gone", DONE_SECONDS)
    user.reader.find(MAIN, "No containers yet")


def remove_image(desk: Desk, image: str) -> None:
    user = desk.user
    user.click("Images", "radio button")
    user.click("Tags: 1")
    user.click("Remove…", "push button")
    user.click("Remove", window=f"Remove {image}?")
    await_true(lambda: desk.docker("images", "-aq") == "", "the image is gone", DONE_SECONDS)
    user.reader.find(MAIN, "No images yet")


def quit_window(desk: Desk, home: Path) -> None:
    """The window goes; the engine stays."""
    desk.user.click("Home", "radio button")
    desk.user.press("ctrl+q")
    await_true(lambda: not any("desktop.ui" in line for line in processes_of(home)), "the window has gone")
    assert desk.docker("version", "--format", "{{.Server.Os}}") == "linux"
