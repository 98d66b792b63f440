"""Two real dockerds in namespaces of their own, by TLS and by SSH: with the client, and in the window."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.client import EngineClient
from engine.client.errors import TlsFailed
from engine.remote.connect import connect
from engine.remote.endpoints import TlsFiles, parse
from installers.checkout import system
from tests.e2e import engines_walk, images
from tests.e2e.native_engine import NativeEngine, extract, native_engine
from tests.e2e.screen import screen
from tests.unit.engine.remote.doors import certificates, ssh_computer
from vm.host import host

pytestmark = pytest.mark.slow("only root may make the namespaces of two dockerds")

NETWORK = "10.213.7"
WALK_SECONDS = 240.0


@dataclass(frozen=True)
class Lab:
    """:ivar tls, ssh: the engines.    :ivar files: the client's certificates, in the folder ``pki``."""

    tls: NativeEngine
    ssh: NativeEngine
    files: TlsFiles
    pki: Path

    @property
    def address(self) -> str:
        return f"tcp://{self.tls.address}:2376"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Both, with an image; the first manages a swarm with one service."""
    folder = tmp_path_factory.mktemp("lab")
    root = extract(folder / "root")
    one, other = folder / "one", folder / "other"
    other.mkdir()
    ours, _ = certificates(one, f"{NETWORK}.2")
    words = ["--tlsverify", "--tlscacert", "/run/shared/ca.pem", "--tlscert", "/run/shared/server.pem"]
    words += ["--tlskey", "/run/shared/server-key.pem", "-H", f"tcp://{NETWORK}.2:2376"]
    with native_engine(root, one, *words, network=NETWORK) as tls, native_engine(root, other) as ssh:
        program = system.find_static_busybox()
        assert program
        layer = images.busybox_layer(program, images.applets(program))
        images.write_archive(folder / "busybox.tar", layer, host().arch.value, engines_walk.IMAGE)
        for made in (tls, ssh):
            docker(made, "load", "-i", folder / "busybox.tar")
        docker(tls, "swarm", "init", "--advertise-addr", f"{NETWORK}.2")
        create_service(tls)
        yield Lab(tls, ssh, ours, one)


def create_service(made: NativeEngine) -> None:
    """One that does nothing, on a swarm's manager."""
    words = ("-d", "--name", "idle", "--no-resolve-image", engines_walk.IMAGE, "sleep", "999")
    docker(made, "service", "create", *words)


def docker(made: NativeEngine, *words: str | Path) -> str:
    """Run docker's command by the socket of an engine."""
    program = system.find_program("docker")
    assert program
    done = subprocess.run(
        [program, *words],
        env={**os.environ, "DOCKER_HOST": f"unix://{made.socket}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
async def far(lab: Lab) -> AsyncIterator[EngineClient]:
    way = connect(parse("lab", lab.address, lab.files), host().paths())
    async with EngineClient(way.dialler) as made:
        yield made


async def test_input_ends_and_output_goes_on_over_tls(far: EngineClient) -> None:
    """What ``docker run -i`` does, at dockerd's own TLS."""
    config = {
        "Image": engines_walk.IMAGE,
        "Cmd": ["sh", "-c", "wc -c; echo the end"],
        "OpenStdin": True,
        "StdinOnce": True,
    }
    name = await far.containers.create(config)
    async with await far.containers.attach(name) as duplex:
        await far.containers.start(name)
        await duplex.write(b"x" * 1_000_000)
        await duplex.write_eof()
        said = b"".join([frame.data async for frame in duplex.frames()])
    assert said == b"1000000\nthe end\n"
    assert await far.containers.wait(name) == 0
    await far.containers.remove(name)


async def test_the_right_certificate_or_none(lab: Lab, tmp_path: Path) -> None:
    other, _ = certificates(tmp_path / "other")
    for files, words in (
        (TlsFiles(lab.files.ca, other.cert, other.key), "refuses this client's certificate"),
        (TlsFiles(lab.files.ca, None, None), "refuses this client's certificate"),
        (TlsFiles(other.ca, lab.files.cert, lab.files.key), "not trusted"),
    ):
        way = connect(parse("lab", lab.address, files), host().paths())
        async with EngineClient(way.dialler) as client:
            with pytest.raises(TlsFailed, match=words):
                await client.ping()


async def test_a_swarm(far: EngineClient) -> None:
    (service,) = await far.services.list(status=True)
    assert (service.name, service.mode, service.desired, service.image) == (
        "idle",
        "replicated",
        1,
        engines_walk.IMAGE,
    )
    assert [task.wanted for task in await far.services.tasks(service.id)] == ["running"]
    (node,) = await far.nodes.list()
    assert (node.role, node.availability, node.state, node.leader) == ("manager", "active", "ready", True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_window_follows_both(lab: Lab, tmp_path: Path, scheme: str) -> None:
    pictures = Path(os.environ.get("SLIPWAY_TEST_PICTURES") or tmp_path) / scheme
    pictures.mkdir(parents=True)
    program = system.find_program("docker")
    if not docker(lab.tls, "service", "ls", "-q"):
        docker(lab.tls, "node", "update", "--availability", "active", docker(lab.tls, "node", "ls", "-q").strip())
        create_service(lab.tls)
        docker(lab.tls, "rm", "-f", "over-tls")
    async with ssh_computer(lab.ssh.socket, tmp_path, program) as (_, variables):
        with screen() as shown:
            own = {engines_walk.TLS: lab.address, engines_walk.SSH: "ssh://build", engines_walk.PKI: str(lab.pki)}
            done = subprocess.run(
                [sys.executable, "-m", "tests.e2e.engines_walk", pictures],
                env={**variables, **own, **shown.environment, "SLIPWAY_SCHEME": scheme},
                capture_output=True,
                text=True,
                timeout=WALK_SECONDS,
                check=False,
            )
            if done.returncode:
                shown.picture(pictures / "failed.png")
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\nsee {pictures}"
