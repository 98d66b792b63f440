"""The Dev Containers CLI against our socket: projects in the home folder, by image, Dockerfile and compose."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from installers.checkout import system
from tests.e2e.cli import Program
from tests.e2e.peers.devcontainers import SECONDS, Project, user_id
from tests.e2e.peers.node import NodeClients, fetch_clients
from tests.e2e.peers.restored import restored

pytestmark = [pytest.mark.machine, pytest.mark.timeout(SECONDS * 3)]

DOCKERFILE = """\
FROM {image}
RUN echo "dev:x:1000:1000::/home/dev:/bin/sh" >>/etc/passwd && echo "dev:x:1000:" >>/etc/group \\
    && mkdir -p /home/dev && echo mine >/home/dev/file && chown -R 1000:1000 /home/dev
ARG WORD=none
RUN echo $WORD >/word
"""

FEATURE = """\
#!/bin/sh
set -e
printf '#!/bin/sh\\necho "%s from the feature for %s"\\n' "$GREETING" "$_REMOTE_USER" >/bin/greet
chmod 755 /bin/greet
"""


@pytest.fixture(scope="module")
def clients() -> NodeClients:
    return fetch_clients()


@pytest.fixture
def project(
    clients: NodeClients, docker: Program, docker_socket: Path, docker_config: Path, tmp_path: Path
) -> Iterator[Project]:
    """An empty project; what was made of it is removed from the engine."""
    program = system.find_program("docker")
    assert program, "the docker command line is missing: python3 installers/dev.py setup"
    environment = {
        "DOCKER_HOST": f"unix://{docker_socket}",
        "DOCKER_CONFIG": str(docker_config),
        "HOME": str(tmp_path),
        "PATH": f"{Path(program).parent}:{docker.full_environment['PATH']}",
    }
    with tempfile.TemporaryDirectory(prefix="slipway-project-", dir=Path.home()) as folder, restored(docker):
        yield Project(Path(folder).resolve(), clients, environment)


def test_an_image(project: Project, docker: Program, busybox: str) -> None:
    """The folder is there both ways, the commands of the project run in it, a second start finds the container."""
    (project.folder / "source").write_text("on the host\n")
    project.configure(
        image=busybox,
        workspaceFolder="/work",
        workspaceMount=f"source={project.folder},target=/work,type=bind",
        containerEnv={"IN_CONTAINER": "yes"},
        remoteEnv={"REMOTE": "${containerEnv:IN_CONTAINER}, too"},
        onCreateCommand="echo created >>log",
        postCreateCommand={"one": "cp source copy", "two": ["sh", "-c", "echo $IN_CONTAINER >env"]},
        postStartCommand="echo started >>log",
    )
    made = project.up()
    assert made["remoteWorkspaceFolder"] == "/work"
    assert (project.folder / "copy").read_text() == "on the host\n"
    assert (project.folder / "env").read_text() == "yes\n"
    (project.folder / "source").write_text("changed\n")
    assert project.exec("sh", "-c", "until grep changed source; do usleep 100000; done; echo $REMOTE") == (
        "changed\nyes, too\n"
    )
    assert project.up()["containerId"] == made["containerId"]
    docker("stop", "-t", "0", made["containerId"])
    assert project.up("--expect-existing-container")["containerId"] == made["containerId"]
    assert (project.folder / "log").read_text() == "created\nstarted\nstarted\n"


@pytest.mark.slow("builds three images, minutes")
def test_a_dockerfile_and_its_user(project: Project, busybox: str) -> None:
    """The user in the container gets the host user's number, and the home folder with it."""
    project.configure(
        {"Dockerfile": DOCKERFILE.format(image=busybox)},
        build={"dockerfile": "Dockerfile", "args": {"WORD": "built"}},
        remoteUser="dev",
        postCreateCommand="cat /word ~/file >/tmp/seen",
    )
    made = project.up(as_user=True)
    assert made["remoteUser"] == "dev"
    assert project.exec("id", "-u") == f"{user_id()}\n"
    assert project.exec("stat", "-c", "%u", "/home/dev/file") == f"{user_id()}\n"
    assert project.exec("cat", "/tmp/seen") == "built\nmine\n"


@pytest.mark.slow("builds images, minutes")
def test_a_feature(project: Project, busybox: str) -> None:
    """A feature in the project's own folder, with an option; it is built into the image by BuildKit."""
    feature = {"id": "greet", "version": "1.0.0", "name": "Greeting", "options": {"greeting": {"type": "string"}}}
    project.configure(
        {"greet/devcontainer-feature.json": json.dumps(feature), "greet/install.sh": FEATURE},
        image=busybox,
        features={"./greet": {"greeting": "hello"}},
    )
    project.up("--omit-syntax-directive")
    assert project.exec("greet") == "hello from the feature for root\n"


@pytest.mark.slow("starts a compose project, minutes")
def test_compose(project: Project, docker: Program, busybox: str) -> None:
    """The service of the project runs beside another one, which it reaches by name."""
    serve = "mkdir /www && echo answer >/www/index.html && exec httpd -f -p 80 -h /www"
    services = {
        "app": {"image": busybox, "command": ["sleep", "infinity"], "volumes": ["..:/work"]},
        "web": {"image": busybox, "command": ["sh", "-c", serve]},
    }
    ask = "until wget -q -O answer http://web/; do usleep 100000; done"
    project.configure(
        {"compose.yaml": json.dumps({"services": services})},
        dockerComposeFile="compose.yaml",
        service="app",
        workspaceFolder="/work",
        overrideCommand=False,
        postCreateCommand=ask,
    )
    made = project.up()
    assert (project.folder / "answer").read_text() == "answer\n"
    assert project.exec("ls") == "answer\n"
    running = docker("ps", "-q", "--filter", f"label=com.docker.compose.project={made['composeProjectName']}")
    assert len(running.split()) == 2
    docker("compose", "-p", made["composeProjectName"], "down", "--volumes", "--timeout", "0")
