"""Small images made here from Debian's static busybox, in the format ``docker load`` reads.

The archive follows the image specification v1.2 (what ``docker save`` writes): manifest.json, a configuration, a
layer. Everything in it is fixed (owner, times, order), so the same busybox always makes the same image.
"""

from __future__ import annotations

import hashlib
import io
import json
import random
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

FOLDERS = ("bin", "dev", "etc", "home", "proc", "root", "sbin", "sys", "tmp", "usr", "usr/bin", "var", "var/opt")
FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n"
    "postgres:x:70:70:postgres:/var/opt:/bin/sh\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\npostgres:x:70:\n",
}
CREATED = "2026-01-01T00:00:00Z"
MIB = 1024 * 1024


def applets(busybox: Path) -> list[str]:
    """The names a busybox answers to; it must run on the host."""
    listed = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.split() if name != "busybox"]


def busybox_layer(busybox: Path, links: list[str]) -> bytes:
    """A root file system: busybox, a link for each applet, and a few folders and files."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name in FOLDERS:
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
            tar.addfile(entry)
        for name, text in FILES.items():
            add_file(tar, name, text.encode(), 0o644)
        add_file(tar, "bin/busybox", busybox.read_bytes(), 0o755)
        for name in sorted(links):
            entry = tarfile.TarInfo(f"bin/{name}")
            entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(entry)
    return stream.getvalue()


def add_file(tar: tarfile.TarFile, name: str, data: bytes, mode: int) -> None:
    """Put one regular file into a tar."""
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), mode
    tar.addfile(entry, io.BytesIO(data))


def write_archive(
    target: Path, layer: bytes | Path, arch: str, tag: str, labels: Mapping[str, str] | None = None
) -> str:
    """Write an archive for ``docker load`` with one layer.

    :param layer: an uncompressed tar, or the file that holds one.
    :param arch: Docker's name of the architecture (GOARCH).
    :return: the layer's digest (``sha256:…``, the diff id).
    """
    digest = "sha256:" + (hashlib.sha256(layer).hexdigest() if isinstance(layer, bytes) else file_sha256(layer))
    configuration = json.dumps(
        {
            "architecture": arch,
            "os": "linux",
            "created": CREATED,
            "config": {"Cmd": ["/bin/sh"], "Env": ["PATH=/bin:/sbin:/usr/bin"], "Labels": dict(labels or {})},
            "rootfs": {"type": "layers", "diff_ids": [digest]},
            "history": [{"created": CREATED, "created_by": "made for a test"}],
        }
    ).encode()
    name = hashlib.sha256(configuration).hexdigest() + ".json"
    manifest = json.dumps([{"Config": name, "RepoTags": [tag], "Layers": ["layer.tar"]}]).encode()
    with tarfile.open(target, "w") as tar:
        if isinstance(layer, bytes):
            add_file(tar, "layer.tar", layer, 0o644)
        else:
            tar.add(layer, "layer.tar")
        add_file(tar, name, configuration, 0o644)
        add_file(tar, "manifest.json", manifest, 0o644)
    return digest


def write_random_layer(target: Path, size_mib: int, seed: int) -> str:
    """Write a layer with files of noise, which no compression makes smaller, 64 MiB each.

    :return: the SHA-256 of the files' contents, one after the other, in hex.
    """
    noise = random.Random(seed)
    contents = hashlib.sha256()
    with tarfile.open(target, "w") as tar:
        for number in range(0, size_mib, 64):
            data = noise.randbytes(min(64, size_mib - number) * MIB)
            contents.update(data)
            add_file(tar, f"noise-{number:05}", data, 0o644)
    return contents.hexdigest()


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
