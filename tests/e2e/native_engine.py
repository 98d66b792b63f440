"""A real dockerd in namespaces of its own, out of the machine's image: in seconds, where this user is root.

It has its own network, mounts and processes; all that it writes is in memory and gone with it. The programs are
those of the image, so nothing is installed for it.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.e2e.screen import end
from vm.host import host

SCRIPT = """
set -e
root=$1 shared=$2 ready=$3
shift 3
mount --make-rprivate /
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
for each in run tmp var; do mount -t tmpfs tmpfs "$root/$each"; done
mkdir -p "$root/var/run" "$root/var/lib/docker" "$root/var/tmp" "$root/run/shared"
mount --bind "$shared" "$root/run/shared"
ip link set lo up
touch "$shared/$ready"
while [ -n "$NETWORK" ] && ! ip addr show dev far >/dev/null 2>&1; do sleep 0.05; done
cd "$root"
pivot_root . .  # not chroot: a docker exec joins the container's namespace at its root, which would be the host's
/usr/bin/busybox umount -l .
exec /usr/sbin/dockerd -H unix:///run/shared/docker.sock --data-root /var/lib/docker \
    --exec-root /run/docker --pidfile /run/docker.pid --bridge none --iptables=false --ip6tables=false "$@"
"""
START_SECONDS = 60.0


@dataclass(frozen=True)
class NativeEngine:
    """:ivar socket: where it answers on the host.    :ivar address: of its network; empty if it has none.

    :ivar pid: of dockerd's process, as the host has it.
    """

    socket: Path
    address: str
    pid: int


def extract(folder: Path) -> Path:
    """The system of the newest image."""
    roots = sorted(host().paths().images.glob("*/root.erofs"), key=lambda path: path.stat().st_mtime)
    assert roots, "there is no image yet: slipway image build"
    subprocess.run(["fsck.erofs", f"--extract={folder}", roots[-1]], check=True, capture_output=True)
    return folder


@contextmanager
def native_engine(root: Path, folder: Path, *options: str, network: str = "") -> Iterator[NativeEngine]:
    """Run a dockerd until the end of the block.

    :param root: what :func:`extract` has made.    :param folder: is at ``/run/shared`` for it; gets socket and
    log.
    :param options: more arguments of dockerd's.    :param network: the first three numbers of the addresses of a
    link between it (.2) and the host (.1), such as ``10.213.7``; without one it has no network.
    """
    words = ("unshare", "--mount", "--pid", "--fork", "--net", "--uts", "--kill-child", "sh", "-c", SCRIPT, "sh")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*words, root, folder, "ready", *options],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "NETWORK": network},
        )
    try:
        _wait(process, folder, (folder / "ready").exists)
        if network:
            _connect(psutil.Process(process.pid), network)
        _wait(process, folder, lambda: _answers(folder / "docker.sock"))
        pid = psutil.Process(process.pid).children()[0].pid  # the shell, which has become dockerd
        yield NativeEngine(folder / "docker.sock", f"{network}.2" if network else "", pid)
    finally:
        end(psutil.Process(process.pid))
        process.wait()  # for subprocess, which does not know that it was waited for


def _connect(process: psutil.Process, network: str) -> None:
    inner = process.children()[0].pid
    name = f"far{inner}"
    inside = ("nsenter", "-t", str(inner), "-n", "ip")
    for command in (
        ("ip", "link", "add", name, "type", "veth", "peer", "name", "far", "netns", str(inner)),
        ("ip", "addr", "add", f"{network}.1/24", "dev", name),
        ("ip", "link", "set", name, "up"),
        (*inside, "addr", "add", f"{network}.2/24", "dev", "far"),
        (*inside, "link", "set", "far", "up"),
    ):
        subprocess.run(command, check=True)


def _answers(path: Path) -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        client.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
        return b" 200 " in client.recv(64)
    return False


def _wait(process: subprocess.Popen[bytes], folder: Path, test: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not test():
        log = (folder / "log").read_text(errors="replace")
        assert process.poll() is None, log
        assert time.monotonic() < deadline, log
        time.sleep(0.05)  # another program begins to listen without an event
