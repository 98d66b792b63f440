"""Images: listing, filters and formats, digests, dangling ones, saving and loading."""

from __future__ import annotations

import hashlib
import json
import tarfile
from pathlib import Path

import pytest

from tests.e2e import images
from tests.e2e.cli import Program
from vm.host import host

pytestmark = pytest.mark.machine

BIG_TIMEOUT = 900.0
"""Seconds for a gigabyte in one direction, when an emulated processor decrypts and hashes every byte."""


@pytest.fixture
def labelled(docker: Program, tmp_path: Path, name: str) -> str:
    """An image of the test's own, which carries the label ``of=NAME`` and is called NAME:one."""
    layer = tmp_path / "layer.tar"
    images.write_random_layer(layer, 1, seed=1)
    images.write_archive(tmp_path / "image.tar", layer, host().arch.value, f"{name}:one", {"of": name})
    docker("load", "-i", tmp_path / "image.tar")
    return name


def test_filters_and_formats(docker: Program, labelled: str) -> None:
    docker("tag", f"{labelled}:one", f"{labelled}:two")
    tags = docker("image", "ls", "--filter", f"label=of={labelled}", "--format", "{{.Repository}}:{{.Tag}}")
    assert sorted(tags.splitlines()) == [f"{labelled}:one", f"{labelled}:two"]
    listed = docker("image", "ls", "--filter", f"reference={labelled}:o*", "--format", "json")
    image = json.loads(listed)
    assert (image["Repository"], image["Tag"]) == (labelled, "one")
    identity = docker("image", "inspect", "-f", "{{.Id}}", f"{labelled}:one")
    assert docker("image", "ls", "-q", "--no-trunc", f"{labelled}:two") == identity
    assert (
        docker("image", "ls", "-q", "--filter", f"before={labelled}:one", "--filter", f"label=of={labelled}") == ""
    )
    table = docker("image", "ls", labelled).splitlines()
    assert table[0].split()[:3] == ["REPOSITORY", "TAG", "IMAGE"]
    assert len(table) == 3
    docker("rmi", f"{labelled}:one", f"{labelled}:two")
    assert docker("image", "ls", "-q", labelled) == ""


def test_dangling_and_prune(docker: Program, labelled: str, tmp_path: Path) -> None:
    """An image that loses its last name to another one is dangling, and prune takes that one only."""
    mine = ["--filter", f"label=of={labelled}"]
    old = docker("image", "inspect", "-f", "{{.Id}}", f"{labelled}:one")
    images.write_random_layer(tmp_path / "layer2.tar", 1, seed=2)
    archive = tmp_path / "second.tar"
    images.write_archive(archive, tmp_path / "layer2.tar", host().arch.value, f"{labelled}:one", {"of": labelled})
    docker("load", "-i", archive)
    assert docker("image", "ls", "-q", "--no-trunc", "--filter", "dangling=true", *mine) == old
    pruned = docker("image", "prune", "-f", *mine)
    assert f"deleted: {old}" in pruned
    assert "Total reclaimed space: 1.0" in pruned
    assert docker("image", "ls", "-q", "--filter", "dangling=true", *mine) == ""
    assert docker("image", "ls", "--format", "{{.Tag}}", *mine) == "one"
    docker("rmi", f"{labelled}:one")


def test_history_and_inspect(docker: Program, labelled: str) -> None:
    assert "made for a test" in docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", f"{labelled}:one")
    image = json.loads(docker("image", "inspect", f"{labelled}:one"))[0]
    assert (image["Os"], image["Architecture"]) == ("linux", host().arch.value)
    assert image["Config"]["Labels"] == {"of": labelled}
    docker("rmi", f"{labelled}:one")


def test_commit_export_import(docker: Program, busybox: str, name: str, tmp_path: Path) -> None:
    docker("run", "--name", name, busybox, "sh", "-c", "echo changed > /etc/marker")
    assert "A /etc/marker" in docker("diff", name).splitlines()
    docker("commit", "--change", "ENV FROM=commit", name, f"{name}:committed")
    assert (
        docker("run", "--rm", f"{name}:committed", "sh", "-c", "cat /etc/marker; echo $FROM") == "changed\ncommit"
    )
    docker("export", "-o", tmp_path / "tree.tar", name)
    with tarfile.open(tmp_path / "tree.tar") as tree:
        marker = tree.extractfile("etc/marker")
        assert marker is not None
        assert marker.read() == b"changed\n"
    docker("import", tmp_path / "tree.tar", f"{name}:imported")
    assert docker("run", "--rm", f"{name}:imported", "/bin/cat", "/etc/marker") == "changed"
    docker("rmi", f"{name}:committed", f"{name}:imported")


@pytest.mark.timeout(2 * BIG_TIMEOUT + 120)
@pytest.mark.parametrize("mib", [192, pytest.param(1024, marks=pytest.mark.slow("1 GiB both ways"))])
def test_a_large_image_in_and_out(docker: Program, name: str, tmp_path: Path, mib: int) -> None:
    """``load`` and ``save`` of what cannot be compressed: the same bytes come back."""
    contents = images.write_random_layer(tmp_path / "layer.tar", mib, seed=3)
    tag = f"{name}:big"
    digest = images.write_archive(tmp_path / "in.tar", tmp_path / "layer.tar", host().arch.value, tag)
    (tmp_path / "layer.tar").unlink()
    docker("load", "-i", tmp_path / "in.tar", timeout=BIG_TIMEOUT)
    (tmp_path / "in.tar").unlink()
    assert docker("image", "inspect", "-f", "{{index .RootFS.Layers 0}}", tag) == digest
    docker("save", "-o", tmp_path / "out.tar", tag, timeout=BIG_TIMEOUT)
    docker("rmi", tag)
    with tarfile.open(tmp_path / "out.tar") as saved:
        assert layer_contents(saved) == contents


def layer_contents(saved: tarfile.TarFile) -> str:
    """The SHA-256 of all files' contents of the one layer in what ``docker save`` wrote."""
    manifest = saved.extractfile("manifest.json")
    assert manifest is not None
    layers = json.load(manifest)[0]["Layers"]
    assert len(layers) == 1
    contents = hashlib.sha256()
    with tarfile.open(fileobj=saved.extractfile(layers[0])) as layer:
        for entry in layer:
            file = layer.extractfile(entry)
            assert file is not None
            while chunk := file.read(images.MIB):
                contents.update(chunk)
    return contents.hexdigest()
