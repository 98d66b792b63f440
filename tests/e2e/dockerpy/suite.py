"""Fetch docker-py's source archive with its tests, give it an environment, run its tests and read the results.

Both come by the lock file beside this: hashes, no addresses, so they come from wherever this user's pip is set up
to take them. They are kept in the cache under the hash of the lock, and made when they are not there.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.cache import made_once, run_to_end
from tests.e2e.dockerpy.verdict import Result

HERE = Path(__file__).resolve().parent
LOCK = HERE / "requirements.lock"
TESTS = "tests/integration"
PATIENCE = 6.0
"""How much longer than on the real processor a test may take; emulation is three to five times slower."""

TEST_SECONDS = 240
"""The limit of each test that has none of its own."""

PIP = ("-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input")


@dataclass(frozen=True)
class Suite:
    """A ready suite: the Python of its environment, and the unpacked source archive."""

    python: Path
    source: Path


def fetch_suite() -> Suite:
    """The suite in the cache, fetched first when it is not there.

    :raise RuntimeError: pip failed; with its last words.
    """
    stamp = hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()[:16]
    target = made_once(f"docker-py-{stamp}", _make)
    return Suite(_python(target), target / "source")


def _python(folder: Path) -> Path:
    return folder / "venv" / "bin" / "python"


def _make(folder: Path) -> None:
    folder.mkdir()
    run_to_end(sys.executable, "-m", "venv", folder / "venv")
    python = _python(folder)
    run_to_end(python, *PIP, "install", "--require-hashes", "--only-binary", ":all:", "-r", LOCK)
    alone = folder / "docker.lock"
    alone.write_text(lock_entry(LOCK.read_text(encoding="utf-8"), "docker"), encoding="utf-8")
    # the build tools of the locked environment, for a build environment of pip's own would be without hashes
    options = ("--require-hashes", "--no-deps", "--no-binary", "docker", "--no-build-isolation")
    run_to_end(python, *PIP, "download", *options, "-r", alone, "-d", folder)
    (archive,) = folder.glob("docker-*.tar.gz")
    with tarfile.open(archive) as tar:
        if hasattr(tarfile, "data_filter"):  # not in the first releases of Python 3.11
            tar.extractall(folder, filter="data")
        else:
            tar.extractall(folder)
    (folder / archive.name.removesuffix(".tar.gz")).rename(folder / "source")
    archive.unlink()


def lock_entry(lock: str, name: str) -> str:
    """The lines of one package in a lock file: its version and its hashes."""
    match = re.search(rf"^{re.escape(name)}==.*(?:\n    --hash=.*)+", lock, re.MULTILINE)
    assert match, f"{name} is not in the lock file"
    return match.group() + "\n"


def run_suite(
    suite: Suite,
    socket: Path,
    tests: Iterable[str],
    left_out: Iterable[str],
    folder: Path,
    scratch: Path,
    seconds: float,
) -> dict[str, Result]:
    """Run tests of the suite against the dockerd behind ``socket``.

    :param tests: names (``file.py::Class::test``) below the suite's folder; a file or a class stands for all in
        it, an empty name for everything.
    :param left_out: names of tests not to run.
    :param folder: an empty one, for the report and for what the tests put into a user's home.
    :param scratch: where the tests make the folders that they mount, which has to be one that is shared.
    :param seconds: for all of it.
    :return: ``file.py::Class::test`` → what came of it.
    :raise AssertionError: the suite did not run to its end.
    """
    report = folder / "report.xml"
    names = [f"{TESTS}/{name}" for name in tests]
    argv = [str(suite.python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "patience"]
    argv += [f"--timeout={TEST_SECONDS}", f"--junitxml={report}", "-o", "junit_family=xunit1", *names]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DOCKER_", "PYTEST_"))}
    (folder / "home" / ".docker").mkdir(parents=True)
    (folder / "home" / ".docker" / "config.json").write_text("{}")  # else contexts land beside the suite
    environment = {
        **kept,
        "DOCKER_HOST": f"unix://{socket}",
        "DOCKER_CONFIG": str(folder / "home" / ".docker"),
        "HOME": str(folder / "home"),
        "TMPDIR": str(scratch),
        "PYTHONPATH": os.pathsep.join((str(suite.source), str(HERE))),
        "PYTHONDONTWRITEBYTECODE": "1",
        "SLIPWAY_PATIENCE": str(PATIENCE),
        "SLIPWAY_LEFT_OUT": "\n".join(f"{TESTS}/{name}" for name in left_out),
    }
    try:
        done = subprocess.run(
            argv, cwd=suite.source, env=environment, capture_output=True, text=True, timeout=seconds, check=False
        )
        said = done.stdout + done.stderr
        assert done.returncode in (0, 1), f"docker-py's tests did not run (exit code {done.returncode}):\n{said}"
    except subprocess.TimeoutExpired as late:
        output = late.stdout.decode(errors="replace") if isinstance(late.stdout, bytes) else late.stdout or ""
        raise AssertionError(f"docker-py's tests took more than {seconds:.0f} s:\n{output[-6000:]}") from None
    finally:
        shutil.rmtree(folder / "home", ignore_errors=True)
    return read_report(report.read_text(encoding="utf-8"))


def read_report(text: str) -> dict[str, Result]:
    """Read pytest's JUnit report (family xunit1, which names the files)."""
    results = {}
    for case in ElementTree.fromstring(text).iter("testcase"):
        outcome, why = "passed", ""
        for kind in ("skipped", "failure", "error"):
            for entry in case.findall(kind):
                outcome = "failed" if kind in ("failure", "error") else "skipped"
                if entry.get("type") == "pytest.xfail":
                    outcome = "passed"  # as the suite itself expects
                why = (entry.get("message") or "").strip() + "\n" + (entry.text or "").strip()
        module = case.get("file", "").removeprefix(TESTS + "/")
        group = case.get("classname", "").rpartition(".")[2]
        names = (
            [module, case.get("name", "")] if group == Path(module).stem else [module, group, case.get("name", "")]
        )
        results["::".join(names)] = Result(outcome, why, float(case.get("time") or 0))
    return results
