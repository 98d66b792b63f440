"""A cluster outside of the machine: the programs of both images in namespaces, which only root makes.

Nothing is emulated, so it comes up in seconds. It has what keeps the cluster, not what pods need of the machine.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from engine.kubernetes.cluster import ClusterStatus, parse_status
from tests.e2e.kubernetes.cluster import BIN, awaited
from tests.e2e.native_engine import extract
from tests.e2e.screen import end
from vm.host import host
from vm.image.kubernetes.build import DISK

SCRIPT = """
set -e
root=$1 image=$2 shared=$3
mount --make-rprivate /
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t tmpfs tmpfs "$root/sys/fs/cgroup"
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    mount -t cgroup2 cgroup "$root/sys/fs/cgroup"
else
    for each in cpuset cpu cpuacct blkio memory devices freezer pids; do
        mkdir "$root/sys/fs/cgroup/$each"
        mount -t cgroup -o $each cgroup "$root/sys/fs/cgroup/$each"
    done
fi
mount --rbind /dev "$root/dev"
for each in run tmp var; do mount -t tmpfs tmpfs "$root/$each"; done
mkdir -p "$root/run/slipway" "$root/var/lib/docker" "$root/var/lib/slipway" "$root/usr/lib/slipway/kubernetes"
mount --bind "$shared/run" "$root/run/slipway"
mount --bind "$shared/data" "$root/var/lib/slipway"
mount --bind "$image" "$root/usr/lib/slipway/kubernetes"
mount --make-rshared "$root"
ip link set lo up
ip link add eth0 type veth peer name far
ip addr add 10.0.2.15/24 dev eth0
ip addr add 10.0.2.54/32 dev eth0
ip link set eth0 up
ip link set far up
ip route add default via 10.0.2.2
exec chroot "$root" /usr/sbin/dockerd -H unix:///run/docker.sock --data-root /var/lib/docker \
    --exec-root /run/docker --pidfile /run/docker.pid
"""

HERE = """
failCgroupV1: false  # the machine has version 2
cgroupsPerQOS: false
"""
"""Kubelet's configuration besides that of the machine: the cgroups here are the host's."""

PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass
class NativeCluster:
    """:ivar folder: has what it keeps, in ``data``.    :ivar inner: the first process of the namespaces."""

    root: Path
    folder: Path
    inner: int
    _keeper: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        """What the cluster keeps."""
        return self.folder / "data" / "kubernetes"

    def inside(self, *command: str) -> list[str]:
        """How to run that beside the cluster."""
        enter = ["nsenter", f"--target={self.inner}", "--mount", "--pid", "--net", "--uts", "--cgroup"]
        return [*enter, "chroot", str(self.root), *command]

    def start(self) -> None:
        """Start the program that keeps the parts."""
        log = (self.folder / "cluster.log").open("ab")
        with log:
            self._keeper = subprocess.Popen(
                self.inside(f"{BIN}/cluster", "run"), env={"PATH": PATH}, stdout=log, stderr=log
            )

    def stop(self) -> None:
        """End it in order."""
        assert self._keeper is not None
        (child,) = psutil.Process(self._keeper.pid).children()
        child.send_signal(signal.SIGTERM)
        assert self._keeper.wait(180) == 0, self.log
        self._keeper = None

    def processes(self) -> list[psutil.Process]:
        """What keeps the cluster, and all of its parts."""
        assert self._keeper is not None
        return psutil.Process(self._keeper.pid).children(recursive=True)

    def kill(self, *parts: str) -> None:
        """End parts by SIGKILL."""
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess, IndexError):
                if Path(process.cmdline()[0]).name in parts:
                    process.kill()

    @property
    def log(self) -> str:
        return (self.folder / "cluster.log").read_text()

    @property
    def status(self) -> ClusterStatus:
        """What it reports. :raise OSError: it does not run."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(30)
            client.connect(str(self.folder / "run" / "kubernetes" / "status.sock"))
            with client.makefile("rb") as lines:
                return parse_status(lines.readline())

    def say(self, line: str) -> None:
        """Tell it something, as the host does."""
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(self.folder / "run" / "kubernetes" / "status.sock"))
            client.sendall(f"{line}\n".encode())
            client.shutdown(socket.SHUT_WR)
            while client.recv(1 << 16):
                pass  # the status; it ends when all was heard

    def await_status(self, wanted: Callable[[ClusterStatus], bool]) -> ClusterStatus:
        """Its status, once it is so."""

        def look() -> ClusterStatus | None:
            found = self.status
            return found if wanted(found) else None

        found = awaited(look)
        assert found is not None
        return found

    def kubectl(self, *arguments: str, stdin: str = "") -> str:
        """Run kubectl beside it."""
        command = self.inside(f"{BIN}/kubectl", "--kubeconfig=/run/slipway/kubernetes/pki/admin.conf", *arguments)
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == 0, f"{done.stdout}{done.stderr}"
        return done.stdout.strip()


def unpack_image(folder: Path) -> Path:
    """The newest image's files, in this folder, which is made."""
    disks = sorted(host().paths().kubernetes_images.glob(f"*/{DISK}"), key=lambda path: path.stat().st_mtime)
    assert disks, "there is no image yet: python -m vm.image.kubernetes.build"
    subprocess.run(["fsck.erofs", f"--extract={folder}", disks[-1]], check=True, capture_output=True)
    return folder


@contextmanager
def native_cluster(folder: Path) -> Iterator[NativeCluster]:
    """Namespaces with a dockerd, in which a cluster can be started; all ends with the block.

    :param folder: an empty one with a short path.
    """
    root, image = extract(folder / "root"), unpack_image(folder / "image")
    with (image / "etc" / "kubelet.yaml").open("a") as configuration:
        configuration.write(HERE)
    for name in ("run", "data/log"):
        (folder / name).mkdir(parents=True)
    (root / "usr/lib/slipway/kubernetes").mkdir(parents=True, exist_ok=True)
    words = ("unshare", "--mount", "--pid", "--fork", "--net", "--uts", "--cgroup", "--kill-child", "sh", "-c")
    with (folder / "engine.log").open("wb") as log:
        process = subprocess.Popen(
            [*words, SCRIPT, "sh", root, image, folder], env={"PATH": PATH}, stdout=log, stderr=log
        )
    try:
        deadline = time.monotonic() + 60
        while "API listen on" not in (said := (folder / "engine.log").read_text(errors="replace")):
            assert process.poll() is None, said
            assert time.monotonic() < deadline, said
            time.sleep(0.05)  # another program begins to listen without an event
        (inner,) = psutil.Process(process.pid).children()
        yield NativeCluster(root, folder, inner.pid)
    finally:
        end(psutil.Process(process.pid))
        process.wait()  # for subprocess, which does not know that it was waited for
