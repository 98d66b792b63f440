"""Kubernetes in the machine beside the same programs outside of it: how soon pods run, what an idle one costs.

The peer is the cluster that tests/e2e/kubernetes/native.py makes: not emulated, so its ratios say what the machine
costs, and only root may make it. kubectl is the host's on both sides, so that its own time is the same.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from tests.bench.attempts import Say
from tests.bench.report import Report, Row
from tests.bench.sizes import Sizes
from tests.bench.subject import Subject
from tests.e2e.kubernetes.cluster import BIN
from tests.e2e.kubernetes.native import NativeCluster, native_cluster, unpack_image

PART = "kubernetes"
PEER = "the same cluster, native"
ADMIN = "/run/slipway/kubernetes/pki/admin.conf"
GROUP = "/sys/fs/cgroup/kubernetes"

POD_SECONDS = 600.0
LIST_ROUNDS = 5
KINDS = ("pods", "services", "configmaps", "secrets", "events", "endpoints")
"""Read one after the other on one connection; the first of them sets it up."""

TOOK = re.compile(r"milliseconds=(\d+)")
"""What kubectl says of each answer with ``--v=6``."""

PAUSE = "slipway/pause:1"
"""The image that every cluster has."""


class Ours:
    """The machine's cluster. :ivar kubectl: its command line, with the kubeconfig."""

    def __init__(self, subject: Subject, kubectl: Path) -> None:
        self._subject = subject
        config = subject.paths.kubernetes / "config"
        self.kubectl = (str(kubectl), f"--kubeconfig={config}", f"--cache-dir={kubectl.parent}/cache")

    def on(self) -> float:
        """Turn it on; the seconds until the node is ready."""
        return timed(lambda: self._subject.slipway("kubernetes", "enable"))

    def again(self) -> float:
        """Restart the machine; the seconds until the node is ready."""

        def restart() -> None:
            self._subject.slipway("restart")
            self._subject.slipway("kubernetes", "enable")  # follows what the start has begun

        return timed(restart)

    def used(self) -> tuple[float, float]:
        """Seconds of processor time until now, and MB of anonymous memory, of all parts in the machine."""
        script = f"cat {GROUP}/cpu.stat {GROUP}/memory.stat"
        found = dict(
            line.split() for line in self._subject.slipway("shell", "--", "sh", "-c", script).splitlines()
        )
        return int(found["usage_usec"]) / 1e6, int(found["anon"]) / 1e6

    def inside(self) -> list[float]:
        """What reading takes from inside the machine."""
        asked = f"/usr/lib/slipway/kubernetes/bin/kubectl --kubeconfig={ADMIN} {' '.join(READ)} 2>&1"
        return answers(self._subject.slipway("shell", "--", "sh", "-c", asked))


class Native:
    """The same programs outside of the machine."""

    def __init__(self, cluster: NativeCluster) -> None:
        self._cluster = cluster
        program, *words = cluster.inside(f"{BIN}/kubectl", f"--kubeconfig={ADMIN}")
        self.kubectl = (program, *words)

    def on(self) -> float:
        """Start it; the seconds until the node is ready."""

        def start() -> None:
            self._cluster.start()
            self._cluster.await_status(lambda status: status.ready)

        return timed(start)

    def again(self) -> float:
        """Stop it, and start it once more."""
        self._cluster.stop()
        return self.on()

    def used(self) -> tuple[float, float]:
        """As :meth:`Ours.used`."""
        processes = self._cluster.processes()
        times = [process.cpu_times() for process in processes]
        memory = sum(anonymous(process.pid) for process in processes)
        return sum(one.user + one.system for one in times), memory / 1e6


def anonymous(pid: int) -> int:
    """Bytes of anonymous memory (proc_pid_status(5))."""
    found = re.search(r"RssAnon:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) * 1024 if found else 0


READ = ("get", ",".join(KINDS), "--all-namespaces", "--v=6")


def timed(work: Callable[[], object]) -> float:
    """The seconds that takes."""
    began = time.monotonic()
    work()
    return time.monotonic() - began


def answers(printed: str) -> list[float]:
    """Milliseconds of each answer but the first."""
    return [float(found[1]) for found in TOOK.finditer(printed)][1:]


def run(kubectl: tuple[str, ...], *words: str) -> str:
    """Run kubectl; what it prints, errors included."""
    done = subprocess.run([*kubectl, *words], capture_output=True, text=True, check=True, timeout=POD_SECONDS)
    return done.stdout + done.stderr


def await_pod(kubectl: tuple[str, ...]) -> None:
    """Wait until the pod of :func:`start_pod` is ready."""
    run(kubectl, "wait", "--for=condition=Ready", f"--timeout={POD_SECONDS:.0f}s", "pod/bench")


def start_pod(kubectl: tuple[str, ...]) -> None:
    """Start a pod of an image that is there, and wait for it. It is left running."""
    run(kubectl, "run", "bench", f"--image={PAUSE}", "--image-pull-policy=Never")
    await_pod(kubectl)


def idle(cluster: Ours | Native, sizes: Sizes) -> tuple[float, float]:
    """Processor time in % of one, and MB of anonymous memory, while nothing is asked of it."""
    time.sleep(sizes.settle)
    before, _ = cluster.used()
    began = time.monotonic()
    time.sleep(sizes.watch)
    after, memory = cluster.used()
    return (after - before) / (time.monotonic() - began) * 100, memory


def figures(cluster: Ours | Native, sizes: Sizes, say: Say) -> dict[str, float]:
    """Everything that both sides have, in the order in which it happens."""
    say("a cluster comes up, and a pod")
    found = {"on → node ready, s": cluster.on(), "pod → ready, s": timed(lambda: start_pod(cluster.kubectl))}
    say("it rests")
    found["idle: processor, % of one"], found["idle: anonymous memory, MB"] = idle(cluster, sizes)
    latencies = [each for _ in range(LIST_ROUNDS) for each in answers(run(cluster.kubectl, *READ))]
    found["API: list, ms"] = median(latencies)
    say("it is restarted")
    found["restart → node ready, s"] = cluster.again()
    found["restart → pod ready after the node, s"] = timed(lambda: await_pod(cluster.kubectl))
    return found


def measure(subject: Subject, report: Report, sizes: Sizes, say: Say) -> None:
    """Measure the machine's cluster, and the native one where that can be made.

    :raise UserError, subprocess.SubprocessError: something did not work.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-", dir="/tmp")))
        subject.slipway("kubernetes", "enable")  # builds the image where there is none
        kubectl = unpack_image(folder / "image") / "bin" / "kubectl"
        subject.slipway("kubernetes", "disable")
        subject.slipway("kubernetes", "reset", "--yes")
        machine = Ours(subject, kubectl)
        ours = figures(machine, sizes, say)
        inside = median([each for _ in range(LIST_ROUNDS) for each in machine.inside()])
        subject.slipway("kubernetes", "disable")
        theirs: dict[str, float] = {}
        if os.geteuid() == 0:
            with native_cluster(Path(stack.enter_context(tempfile.TemporaryDirectory(dir="/tmp")))) as native:
                theirs = figures(Native(native), sizes, say)
        else:
            report.notes.append("kubernetes: only root can make the native cluster, so there is no peer")
    for name, value in ours.items():
        what, _, unit = name.rpartition(", ")
        report.rows.append(Row(PART, what, unit, value, theirs.get(name), PEER if theirs else ""))
    port = Row(PART, "API: list through our port", "ms", ours["API: list, ms"], inside, "inside the machine")
    report.rows.append(port)
