"""Shared folders against plain sshfs with OpenSSH's server, as Lima has it, and against the machine's own disk.

All three are used by the same program (mounts.c) in the machine, in turns; then git looks through a tree of many
files. A container has ours mounted, so that the machine is notified of changes in it. The peer is the image's own
sshfs as it comes, fed by the host's sftp-server through OpenSSH.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from tests.bench.attempts import Say
from tests.bench.busybox import docker_of, load_busybox
from tests.bench.openssh import Login
from tests.bench.report import Aim, Report, Row
from tests.bench.sizes import Sizes
from tests.bench.stats import median
from tests.bench.subject import Subject
from vm.host import host
from vm.spec import Arch

PEER = "sshfs, OpenSSH"
AS_FAST = Aim(1.0, at_least=True)

PLACE, PEER_PLACE, OWN_PLACE = "ours", "/run/peer", "/var/lib/slipway/bench"
SFTP_SERVERS = ("/usr/lib/openssh/sftp-server", "/usr/libexec/sftp-server", "/usr/libexec/openssh/sftp-server")
TARGETS = {Arch.AMD64: "x86_64-linux-musl", Arch.ARM64: "aarch64-linux-musl"}
LIMIT = 3600.0
TOOLS = "/run/bench-tools"


def measure(subject: Subject, report: Report, sizes: Sizes, say: Say) -> None:
    """Everything, with rows of ours against the peer, and of ours against the machine's own disk."""
    with tempfile.TemporaryDirectory(prefix="slw-bench-", dir="/tmp") as name:
        shared = Path(name).resolve()
        (shared / PLACE).mkdir()
        (shared / "peer").mkdir()
        carrier = subject.share(shared)
        guest = subject.login()
        _bring_tools(guest, shared)
        with _peer(guest, shared / "peer"):
            guest.run(f"mkdir -p {OWN_PLACE}")
            places = {"ours": str(shared / PLACE), "peer": PEER_PLACE, "own": OWN_PLACE}
            docker, image = docker_of(subject), load_busybox(subject)
            user = docker("run", "-d", "-v", f"{shared / PLACE}:/m", image, "sleep", "100000")
            found: dict[str, dict[str, list[float]]] = {who: {} for who in places}
            for who, place in places.items():
                say(f"mounts: {sizes.megabytes} MB and {sizes.files} files, {who if who != 'ours' else carrier}")
                command = f"{TOOLS}/mounts {place} {sizes.megabytes} {sizes.files}"
                for line in guest.run(command, LIMIT).splitlines():
                    work, seconds = line.split()
                    found[who].setdefault(work, []).append(float(seconds))
            docker("rm", "-f", user)
            tree = _make_tree(shared, sizes.tree, say)
            docker("run", "-d", "-v", f"{tree}:/m", image, "sleep", "100000")
            _git(guest, tree, places, found)
        guest.run(f"rm -rf {OWN_PLACE}", 600)
    for work, ours in found["ours"].items():
        for who, peer in (("peer", PEER), ("own", "the machine's disk")):
            theirs = found[who][work]
            report.rows.append(
                Row(
                    "mounts",
                    work,
                    "s",
                    median(ours),
                    median(theirs),
                    peer,
                    AS_FAST if who == "peer" else None,
                    inverse=True,
                    our_samples=ours,
                    their_samples=theirs,
                )
            )


@contextlib.contextmanager
def _peer(guest: Login, folder: Path) -> Iterator[None]:
    server = next((path for path in SFTP_SERVERS if Path(path).exists()), None)
    if server is None:
        raise TimeoutError("the host has no sftp-server to compare with")
    command = f"mkdir -p {PEER_PLACE} && exec sshfs -f -o passive,allow_other :{folder} {PEER_PLACE}"
    one, other = socket.socketpair()
    with one, other:
        serving = subprocess.Popen([server], stdin=one.fileno(), stdout=one.fileno())
        mounting = subprocess.Popen([*guest.argv(), command], stdin=other.fileno(), stdout=other.fileno())
    try:
        guest.run(f"until grep -q {PEER_PLACE} /proc/mounts; do usleep 100000; done")
        yield
    finally:
        guest.run(f"umount -l {PEER_PLACE}")
        for process in (mounting, serving):
            process.terminate()
            process.wait(10)


def _bring_tools(guest: Login, shared: Path) -> None:
    """The program, and git with the libraries it needs, into the machine's memory."""
    program = shared / "mounts"
    compiler = [sys.executable, "-m", "ziglang", "cc", "-O2", "-static", "-target", TARGETS[host().arch]]
    subprocess.run([*compiler, Path(__file__).with_name("mounts.c"), "-o", program], check=True)
    git = shutil.which("git")
    assert git, "git is missing"
    listed = subprocess.run(["ldd", git], capture_output=True, text=True, check=True).stdout
    libraries = [Path(word) for line in listed.splitlines() for word in line.split() if word.startswith("/")]
    archive = BytesIO()
    with tarfile.open(fileobj=archive, mode="w", dereference=True) as tar:
        for path in (program, Path(git), *libraries):
            tar.add(path.resolve(), path.name)
    _unpack(guest, archive.getvalue(), TOOLS)


def _unpack(guest: Login, archive: bytes, place: str) -> None:
    command = f"mkdir -p {place} && tar -x -C {place}"
    subprocess.run([*guest.argv(), command], input=archive, check=True, timeout=LIMIT)


def _make_tree(shared: Path, files: int, say: Say) -> Path:
    """A repository of many files, in ours and the peer's."""
    say(f"mounts: git status on {files} files")
    tree = shared / PLACE / "tree"
    for number in range(files):
        path = tree / f"{number // 1000}" / f"{number // 50 % 20}" / f"{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{number}\n")
    git = ["git", "-C", str(tree), "-c", "user.name=b", "-c", "user.email=b@example.org", "-c", "gc.auto=0"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "all"]):
        subprocess.run([*git, *words], check=True)
    shutil.copytree(tree, shared / "peer" / "tree", symlinks=True)
    return tree


def _git(guest: Login, tree: Path, places: dict[str, str], found: dict[str, dict[str, list[float]]]) -> None:
    """``git status`` on a clean tree, after everything cached has been dropped, and again at once."""
    archive = BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add(tree, "tree")
    _unpack(guest, archive.getvalue(), OWN_PLACE)
    loader = f"{TOOLS}/ld-linux-*.so.* --library-path {TOOLS} {TOOLS}/git -c safe.directory='*'"
    for who, place in places.items():
        status = f"{loader} -C {place}/tree status --porcelain >/dev/null"
        guest.run(status, LIMIT)  # the index learns the inodes and times of this mount
        for kind, before in (("git-status-cold", "echo 3 >/proc/sys/vm/drop_caches; "), ("git-status-again", "")):
            began = time.perf_counter()
            guest.run(f"{before}{status}", LIMIT)
            found[who].setdefault(kind, []).append(time.perf_counter() - began)
