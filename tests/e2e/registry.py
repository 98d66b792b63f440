"""Debian's docker-registry on the host's loopback, for real pushes and pulls without a public registry."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

MANIFESTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
START_SECONDS = 30.0


@dataclass(frozen=True)
class Registry:
    """A running registry.

    :ivar port: on the host's loopback.
    :ivar guest_host: how the engine calls the host's loopback (QEMU's user network: 10.0.2.2).
    """

    port: int
    guest_host: str

    @property
    def address(self) -> str:
        """What image names begin with, for the engine."""
        return f"{self.guest_host}:{self.port}"

    @property
    def host_address(self) -> str:
        """What programs on the host call it."""
        return f"127.0.0.1:{self.port}"

    def manifest(self, repository: str, reference: str) -> tuple[str, dict[str, object]]:
        """Ask the registry itself for a manifest: its digest and what it says."""
        reply = httpx.get(self._manifest_url(repository, reference), headers={"Accept": ", ".join(MANIFESTS)})
        reply.raise_for_status()
        return reply.headers["Docker-Content-Digest"], json.loads(reply.text)

    def publish(self, repository: str, tag: str, layer: bytes, arch: str, os: str = "linux") -> str:
        """Put an image of one layer (an uncompressed tar) in, without any engine; its configuration's digest."""
        configuration = {
            "architecture": arch,
            "os": os,
            "config": {"Cmd": ["/bin/sh"], "Env": ["PATH=/bin:/sbin:/usr/bin"]},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
        }
        packed = gzip.compress(layer, 1, mtime=0)
        parts = {"config.v1+json": json.dumps(configuration).encode(), "layer.v1.tar+gzip": packed}
        told = [self._upload(repository, kind, data) for kind, data in parts.items()]
        manifest = {"schemaVersion": 2, "mediaType": MANIFESTS[2], "config": told[0], "layers": told[1:]}
        url = self._manifest_url(repository, tag)
        httpx.put(url, json=manifest, headers={"Content-Type": MANIFESTS[2]}).raise_for_status()
        return str(told[0]["digest"])

    def publish_list(self, repository: str, tag: str, platforms: Mapping[str, str]) -> None:
        """Put a list of images in that are there already. :param platforms: tag → ``linux/arm64``"""
        manifests = []
        for each, platform in platforms.items():
            digest, found = self.manifest(repository, each)
            os, _, arch = platform.partition("/")
            kind = found.get("mediaType", MANIFESTS[2])
            size = len(httpx.get(self._manifest_url(repository, each), headers={"Accept": str(kind)}).content)
            entry = {"mediaType": kind, "digest": digest, "size": size}
            manifests.append({**entry, "platform": {"os": os, "architecture": arch}})
        index = {"schemaVersion": 2, "mediaType": MANIFESTS[0], "manifests": manifests}
        url = self._manifest_url(repository, tag)
        httpx.put(url, json=index, headers={"Content-Type": MANIFESTS[0]}).raise_for_status()

    def _manifest_url(self, repository: str, reference: str) -> str:
        return f"http://{self.host_address}/v2/{repository}/manifests/{reference}"

    def _upload(self, repository: str, kind: str, data: bytes) -> dict[str, object]:
        """Put a blob in (OCI distribution specification, “POST then PUT”); its descriptor."""
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        begun = httpx.post(f"http://{self.host_address}/v2/{repository}/blobs/uploads/")
        begun.raise_for_status()
        place = httpx.URL(begun.headers["Location"]).copy_merge_params({"digest": digest})
        httpx.put(place, content=data, timeout=60).raise_for_status()
        return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": digest, "size": len(data)}


@contextmanager
def running_registry(
    folder: Path, port: int, guest_host: str, more: Mapping[str, Any] | None = None
) -> Iterator[Registry]:
    """Run a registry that keeps its data in ``folder``, until the end of the block.

    :param more: members of its configuration; one with TLS counts as up as soon as it listens.
    """
    more = dict(more or {})
    http = {"addr": f"127.0.0.1:{port}", **more.pop("http", {})}
    program = shutil.which("docker-registry")
    assert program, "docker-registry is missing: python3 installers/dev.py setup"
    configuration = folder / "registry.json"  # YAML, of which JSON is a part
    configuration.write_text(
        json.dumps(
            {
                "version": 0.1,
                "log": {"level": "warn"},
                "storage": {
                    "filesystem": {"rootdirectory": str(folder / "data")},
                    "delete": {"enabled": True},
                },
                "http": http,
                **more,
            }
        )
    )
    with (folder / "registry.log").open("wb") as log:
        process = subprocess.Popen([program, "serve", configuration], stdout=log, stderr=subprocess.STDOUT)
        try:
            url = f"{'https' if 'tls' in http else 'http'}://127.0.0.1:{port}/v2/"
            await_answer(url, process, folder / "registry.log")
            yield Registry(port, guest_host)
        finally:
            process.terminate()
            process.wait(timeout=30)


def await_answer(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the registry answers; fail with its log when it does not."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if url.startswith("https:"):  # whose certificate is not for us to look at
                socket.create_connection(("127.0.0.1", httpx.URL(url).port or 443), 1).close()
                return
            if httpx.get(url).status_code == 200:
                return
        except (httpx.TransportError, OSError):
            time.sleep(0.1)
    raise AssertionError(f"docker-registry does not answer on {url}:\n{log.read_text()}")
