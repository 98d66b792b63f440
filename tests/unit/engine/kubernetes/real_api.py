"""The real API of Kubernetes on this computer: etcd and kube-apiserver out of our own image, with TLS and tokens.

The programs of the image are static; where Linux runs on the image's processor they run here as well.
"""

from __future__ import annotations

import base64
import json
import platform
import secrets
import shutil
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.tls.certificates import Authority
from vm.host import host
from vm.host.paths import Paths
from vm.image.kubernetes.build import DISK, KUBERNETES
from vm.image.kubernetes.recipe import load_kubernetes_recipe
from vm.image.store import ImageStore

READY_SECONDS = 180


def unpacked(folder: Path, paths: Paths) -> Path:
    """The image's files, below ``folder``; skips the test where there is no image or no way to read it."""
    version = load_kubernetes_recipe().version(host().arch)
    image = ImageStore(paths.kubernetes_images, KUBERNETES).find(host().arch, version)
    if image is None or platform.system() != "Linux" or shutil.which("fsck.erofs") is None:
        pytest.skip("slow: the Kubernetes image has not been built here")
    root = folder / "root"
    subprocess.run(["fsck.erofs", f"--extract={root}", image.folder / DISK], check=True, capture_output=True)
    return root


@contextmanager
def api_server(folder: Path, root: Path) -> Iterator[Path]:
    """A kubeconfig for the API, which answers until the block is left. It has no nodes and no controllers.

    Beside it is another one, ``by-certificate``, for a user who has no rights.
    """
    now, token = time.time(), secrets.token_hex(16)
    authority = Authority.make(now)
    server = Authority(authority).issue_server(["127.0.0.1"], now)
    names = {"ca.pem": authority.certificate, "server.pem": server.certificate, "server.key": server.key}
    for name, data in names.items():
        (folder / name).write_bytes(data)
    (folder / "tokens").write_text(f'{token},admin,1,"system:masters"\n')
    port = free_port()
    store = f"unix://{folder}/etcd.sock"
    urls = (f"--listen-client-urls={store}", f"--advertise-client-urls={store}")
    peer = f"--listen-peer-urls=unix://{folder}/peer.sock"
    started = [start(folder, root, "etcd", f"--data-dir={folder}/etcd", *urls, peer)]
    try:
        started.append(
            start(
                folder,
                root,
                "kube-apiserver",
                f"--etcd-servers={store}",
                "--bind-address=127.0.0.1",
                f"--secure-port={port}",
                f"--tls-cert-file={folder}/server.pem",
                f"--tls-private-key-file={folder}/server.key",
                f"--token-auth-file={folder}/tokens",
                f"--client-ca-file={folder}/ca.pem",
                "--authorization-mode=RBAC",
                "--anonymous-auth=false",
                "--service-account-issuer=https://localhost",
                f"--service-account-key-file={folder}/server.pem",
                f"--service-account-signing-key-file={folder}/server.key",
                "--service-cluster-ip-range=10.0.0.0/24",
            )
        )
        url = f"https://127.0.0.1:{port}"
        await_ready(url, token, folder / "ca.pem", started[-1])
        client = Authority(authority).issue_client("somebody", 1, now)
        texts = {"client-certificate-data": client.certificate, "client-key-data": client.key}
        coded = {name: base64.b64encode(data).decode() for name, data in texts.items()}
        kubeconfig(folder / "by-certificate", url, authority.certificate, coded)
        yield kubeconfig(folder / "config", url, authority.certificate, {"token": token})
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait(30)


def start(folder: Path, root: Path, name: str, *arguments: str) -> subprocess.Popen[bytes]:
    """Begin one of the image's programs; its output goes into a file."""
    with (folder / f"{name}.log").open("wb") as log:
        argv = ["nice", "-n", "10", str(root / "bin" / name), *arguments]
        return subprocess.Popen(argv, stdout=log, stderr=subprocess.STDOUT, cwd=folder)


def await_ready(url: str, token: str, authority: Path, process: subprocess.Popen[bytes]) -> None:
    """:param process: the API's."""
    trust = ssl.create_default_context(cafile=str(authority))
    request = urllib.request.Request(f"{url}/readyz", headers={"Authorization": f"Bearer {token}"})
    end = time.monotonic() + READY_SECONDS
    while True:
        try:
            with urllib.request.urlopen(request, context=trust, timeout=10):
                return
        except (urllib.error.URLError, OSError):
            assert process.poll() is None, "the API has ended"
            assert time.monotonic() < end, "the API does not become ready"
            time.sleep(0.2)  # another process, whose readiness can only be asked for


def kubeconfig(path: Path, url: str, authority: bytes, user: dict[str, str]) -> Path:
    """Write one with a single context."""
    cluster = {"server": url, "certificate-authority-data": base64.b64encode(authority).decode()}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": "test", "user": user}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
    }
    path.write_text(json.dumps(config))
    return path


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])
