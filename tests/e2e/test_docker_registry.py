"""Pull from and push to a registry on the host, digests, and images for two architectures under one name."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from installers.checkout.fetch import FOREIGN
from tests.e2e.cli import Program
from tests.e2e.registry import Registry
from vm.host import host

pytestmark = pytest.mark.machine


@pytest.fixture
def pushed(docker: Program, busybox: str, registry: Registry, name: str) -> Iterator[str]:
    """The busybox image pushed under a name of the test's own, and not kept locally by that name."""
    reference = f"{registry.address}/{name}:1"
    docker("tag", busybox, reference)
    docker("push", reference)
    docker("rmi", reference)
    yield reference
    docker.run("rmi", "-f", reference)


def test_push_and_pull(docker: Program, registry: Registry, pushed: str, name: str) -> None:
    digest, manifest = registry.manifest(name, "1")
    assert manifest["layers"]
    out = docker("pull", pushed)
    assert f"Digest: {digest}" in out
    assert docker("run", "--rm", pushed, "echo", "pulled") == "pulled"


def test_push_says_what_it_does(docker: Program, busybox: str, registry: Registry, name: str) -> None:
    reference = f"{registry.address}/{name}:1"
    docker("tag", busybox, reference)
    out = docker("push", reference)
    digest, _ = registry.manifest(name, "1")
    assert f"1: digest: {digest} size: " in out
    docker("rmi", reference)


def test_pull_by_digest(docker: Program, registry: Registry, pushed: str, name: str) -> None:
    digest, _ = registry.manifest(name, "1")
    reference = f"{registry.address}/{name}@{digest}"
    docker("pull", reference)
    listed = docker(
        "image", "ls", "--digests", "--format", "{{.Repository}} {{.Digest}}", f"{registry.address}/{name}"
    )
    assert f"{registry.address}/{name} {digest}" in listed.splitlines()
    assert docker("image", "inspect", "-f", "{{json .RepoDigests}}", reference) == json.dumps([reference])
    docker("rmi", reference)


def test_a_tag_that_is_not_there(docker: Program, registry: Registry, pushed: str, name: str) -> None:
    result = docker.fails("pull", f"{registry.address}/{name}:2")
    assert "not found" in result.err


def test_run_pulls_what_is_missing(docker: Program, pushed: str) -> None:
    result = docker.run("run", "--rm", pushed, "echo", "came")
    assert (result.code, result.out) == (0, "came\n")
    assert "Pulling from" in result.err


@pytest.fixture
def both(docker: Program, busybox: str, foreign_image: str, registry: Registry, name: str) -> Iterator[str]:
    """A manifest list with the image for both architectures, made with ``docker manifest``.

    The CLI itself talks to the registry for that, by the name it has on the host.
    """
    own, foreign = host().arch.value, FOREIGN[host().arch.value]
    for image, arch in ((busybox, own), (foreign_image, foreign)):
        docker("tag", image, f"{registry.address}/{name}:{arch}")
        docker("push", f"{registry.address}/{name}:{arch}")
        docker("rmi", f"{registry.address}/{name}:{arch}")
    local = f"{registry.host_address}/{name}"
    docker("manifest", "create", "--insecure", f"{local}:both", f"{local}:{own}", f"{local}:{foreign}")
    docker("manifest", "push", "--insecure", f"{local}:both")
    reference = f"{registry.address}/{name}:both"
    yield reference
    docker.run("rmi", "-f", reference)


def test_manifest_list(docker: Program, registry: Registry, both: str, name: str) -> None:
    listed = json.loads(docker("manifest", "inspect", "--insecure", f"{registry.host_address}/{name}:both"))
    platforms = {entry["platform"]["architecture"] for entry in listed["manifests"]}
    assert platforms == {"amd64", "arm64"}
    own, foreign = host().arch.value, FOREIGN[host().arch.value]
    docker("pull", both)
    assert docker("image", "inspect", "-f", "{{.Architecture}}", both) == own
    docker("pull", "--platform", f"linux/{foreign}", both)
    assert docker("image", "inspect", "-f", "{{.Architecture}}", both) == foreign
    missing = docker.fails("pull", "--platform", "linux/s390x", both)
    assert "no matching manifest for linux/s390x" in missing.err
