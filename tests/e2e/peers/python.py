"""Gives other people's Python clients an environment of their own, by the lock beside this, and runs cases there.

Kept in the cache under the hash of the lock, and made when it is not there.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from pathlib import Path

from tests.e2e.cache import made_once, run_to_end

HERE = Path(__file__).resolve().parent
LOCK = HERE / "python.lock"
TESTCONTAINERS = HERE / "python_testcontainers.py"
PIP = ("-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input")
CASE_SECONDS = 240


def fetch_environment() -> Path:
    """The Python of the environment in the cache, which is made first when it is not there.

    :raise RuntimeError: pip failed; with its last words.
    """
    stamp = hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()[:16]
    return made_once(f"python-clients-{stamp}", make_environment) / "bin" / "python"


def make_environment(folder: Path) -> None:
    run_to_end(sys.executable, "-m", "venv", folder)
    run_to_end(folder / "bin/python", *PIP, "install", "--require-hashes", "--only-binary", ":all:", "-r", LOCK)


def run_cases(
    python: Path,
    environment: Mapping[str, str],
    folder: Path,
    seconds: float,
    *options: str,
    cases: Path = TESTCONTAINERS,
) -> dict[str, str]:
    """Run cases.

    :param environment: variables besides the inherited ones.
    :param folder: an empty one, for the report and as the home.
    :param options: more options for pytest.    :param cases: a module; its imports are that environment's.
    :return: the name of each case → what is wrong, nothing when it has passed.
    :raise AssertionError: they did not run to their end.
    """
    report = folder / "report.xml"
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n  quick\n  refused\n")
    argv = [str(python), "-m", "pytest", "-c", str(folder / "pytest.ini"), "-q", "-p", "no:cacheprovider"]
    argv += [
        f"--timeout={CASE_SECONDS}",
        f"--junitxml={report}",
        "--noconftest",
        "--import-mode=importlib",
        *options,
        str(cases),
    ]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DOCKER_", "PYTEST_"))}
    done = subprocess.run(
        argv,
        cwd=folder,
        env={**kept, "HOME": str(folder), "PYTHONDONTWRITEBYTECODE": "1", **environment},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode in (0, 1), f"exit code {done.returncode}:\n{done.stdout}{done.stderr}"
    found = ElementTree.fromstring(report.read_text(encoding="utf-8")).iter("testcase")
    return {
        case.get("name", ""): "\n".join(
            f"{entry.get('message')}\n{entry.text}"
            for kind in ("failure", "error", "skipped")
            for entry in case.findall(kind)
        )
        for case in found
    }
