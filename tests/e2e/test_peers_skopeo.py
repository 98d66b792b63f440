"""skopeo copies images out of the engine and into it, by its socket, in every format that it knows."""

from __future__ import annotations

import hashlib
import json
import subprocess
import tarfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from installers.checkout import fetch
from tests.e2e.cli import Program
from tests.e2e.images import file_sha256, write_archive, write_random_layer
from tests.e2e.registry import Registry
from vm.host import host

pytestmark = pytest.mark.machine

NOISE_MIB = 128


@dataclass(frozen=True)
class Skopeo:
    """skopeo at our socket.

    :ivar name: a repository of the test's own, whose images are removed afterwards.
    :ivar source: the image in the engine that is copied.
    """

    program: Program
    docker: Program
    daemon: str
    name: str
    source: str

    def take(self, target: str, *options: str, source: str = "") -> None:
        """Copy an image out of the engine."""
        place = f"docker-daemon:{source or self.source}"
        self.program("copy", "--src-daemon-host", self.daemon, *options, place, target)

    def give(self, source: str, tag: str, *options: str) -> str:
        """Copy an image into the engine; its name there."""
        name = f"{self.name}:{tag}"
        self.program("copy", "--dest-daemon-host", self.daemon, *options, source, f"docker-daemon:{name}")
        return name

    def number(self, name: str) -> str:
        """The engine's number for an image: its configuration's digest."""
        return self.docker("image", "inspect", "-f", "{{.Id}}", name)


@pytest.fixture
def skopeo(docker: Program, docker_socket: Path, busybox: str) -> Iterator[Skopeo]:
    assert fetch.is_there("skopeo"), "skopeo is missing: python3 installers/dev.py setup"
    name = f"localhost/peers-{uuid.uuid4().hex[:10]}"
    policy = ("--insecure-policy", "--override-os", "linux")
    yield Skopeo(Program((*fetch.skopeo_argv(), *policy), {}), docker, f"unix://{docker_socket}", name, busybox)
    left = docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", name).split()
    if left:
        docker("image", "rm", *left)


@pytest.mark.parametrize("kind", ["oci", "oci-archive", "docker-archive", "dir"])
def test_out_and_back(skopeo: Skopeo, tmp_path: Path, kind: str) -> None:
    """What comes back has the same layers, and runs."""
    place = f"{kind}:{tmp_path / 'image'}" + (":name" if kind.startswith("oci") else "")
    skopeo.take(place)
    back = skopeo.give(place, "back")
    layers = ("image", "inspect", "-f", "{{json .RootFS.Layers}} {{json .Config.Env}} {{.Architecture}}")
    assert skopeo.docker(*layers, back) == skopeo.docker(*layers, skopeo.source)
    if not kind.startswith("oci"):
        assert skopeo.number(back) == skopeo.number(skopeo.source)
    assert skopeo.docker("run", "--rm", back, "echo", "runs") == "runs"


def test_the_docker_command_reads_its_archives_and_it_reads_those(skopeo: Skopeo, tmp_path: Path) -> None:
    archive, saved = tmp_path / "archive.tar", tmp_path / "saved.tar"
    skopeo.take(f"docker-archive:{archive}:{skopeo.name}:loaded")
    assert f"Loaded image: {skopeo.name}:loaded" in skopeo.docker("load", "-i", archive)
    assert skopeo.number(f"{skopeo.name}:loaded") == skopeo.number(skopeo.source)
    skopeo.docker("save", "-o", saved, skopeo.source)
    assert skopeo.number(skopeo.give(f"docker-archive:{saved}", "saved")) == skopeo.number(skopeo.source)
    with tarfile.open(saved) as tar:
        assert "manifest.json" in tar.getnames()


def test_to_a_registry_and_back(skopeo: Skopeo, registry: Registry) -> None:
    """Without the engine's pull and push; what it pulls itself is the same image."""
    name = uuid.uuid4().hex[:10]
    place = f"docker://{registry.host_address}/{name}:1"
    skopeo.take(place, "--dest-tls-verify=false")
    digest, _ = registry.manifest(name, "1")
    back = skopeo.give(place, "registry", "--src-tls-verify=false")
    assert skopeo.number(back) == skopeo.number(skopeo.source)
    pulled = f"{registry.address}/{name}:1"
    assert f"Digest: {digest}" in skopeo.docker("pull", pulled)
    assert skopeo.number(pulled) == skopeo.number(skopeo.source)
    skopeo.docker("rmi", pulled)
    inspected = json.loads(skopeo.program("inspect", "--tls-verify=false", place))
    assert (inspected["Digest"], inspected["Architecture"]) == (digest, host().arch.value)


def test_inspect(skopeo: Skopeo) -> None:
    told = json.loads(skopeo.program("inspect", "--daemon-host", skopeo.daemon, f"docker-daemon:{skopeo.source}"))
    assert told["Architecture"] == host().arch.value
    layers = json.loads(skopeo.docker("image", "inspect", "-f", "{{json .RootFS.Layers}}", skopeo.source))
    assert told["Layers"] == layers
    raw = ("inspect", "--daemon-host", skopeo.daemon, "--config", "--raw", f"docker-daemon:{skopeo.source}")
    configuration = subprocess.run([*skopeo.program.argv, *raw], capture_output=True, check=True).stdout
    assert f"sha256:{hashlib.sha256(configuration).hexdigest()}" == skopeo.number(skopeo.source)
    missing = skopeo.program.fails("inspect", "--daemon-host", skopeo.daemon, "docker-daemon:no/such:image")
    assert "reference does not exist" in missing.err


def test_from_one_name_to_another(skopeo: Skopeo) -> None:
    """Both ends at once are the engine."""
    options = ("--src-daemon-host", skopeo.daemon)
    copied = skopeo.give(f"docker-daemon:{skopeo.source}", "copied", *options)
    assert skopeo.number(copied) == skopeo.number(skopeo.source)


@pytest.mark.slow("an image of 128 MiB goes out and in, in several formats")
def test_a_large_image(skopeo: Skopeo, tmp_path: Path) -> None:
    contents = write_random_layer(tmp_path / "layer.tar", NOISE_MIB, 5)
    name = f"{skopeo.name}:noise"
    layer = write_archive(tmp_path / "noise.tar", tmp_path / "layer.tar", host().arch.value, name)
    given = skopeo.give(f"docker-archive:{tmp_path / 'noise.tar'}", "noise")
    assert json.loads(skopeo.docker("image", "inspect", "-f", "{{json .RootFS.Layers}}", given)) == [layer]
    skopeo.take(f"dir:{tmp_path / 'dir'}", "--dest-compress=false", source=given)
    (blob,) = [path for path in (tmp_path / "dir").iterdir() if path.stat().st_size > NOISE_MIB << 20]
    assert f"sha256:{file_sha256(blob)}" == layer
    read = hashlib.sha256()
    with tarfile.open(blob) as tar:
        for member in tar:
            file = tar.extractfile(member)
            assert file
            read.update(file.read())
    assert read.hexdigest() == contents
    skopeo.docker("rmi", given)
    assert skopeo.number(skopeo.give(f"dir:{tmp_path / 'dir'}", "again")).startswith("sha256:")
