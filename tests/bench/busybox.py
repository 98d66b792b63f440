"""An image of busybox in the subject's engine, and the docker command line to use it."""

from __future__ import annotations

from installers.checkout import system
from tests.bench.raw import Connection
from tests.bench.subject import Subject
from tests.e2e import images
from tests.e2e.cli import Program
from vm.errors import HostError
from vm.host import host

IMAGE = "slipway/bench:latest"

SET_UP = "python3 installers/dev.py setup"


def load_busybox(subject: Subject) -> str:
    """Bring the image; its name."""
    busybox = system.find_static_busybox()
    if busybox is None:
        raise HostError("There is no static busybox for the container", SET_UP)
    archive = subject.home / "busybox.tar"
    layer = images.busybox_layer(busybox, images.applets(busybox))
    images.write_archive(archive, layer, host().arch.value, IMAGE)
    with Connection(subject.socket) as connection:
        connection.upload("/images/load?quiet=1", archive)
    return IMAGE


def docker_of(subject: Subject) -> Program:
    """The command line, which talks to the subject's engine."""
    program = system.find_program("docker")
    if not program:
        raise HostError("There is no docker command line", SET_UP)
    return Program((program,), {"DOCKER_HOST": f"unix://{subject.socket}"})
