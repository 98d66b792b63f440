"""The docker CLI: the one on the PATH, else the system's package, else Debian's newer one.

Only the client is ever installed. On Debian 12 the package named after Docker would bring and start a daemon, so
there the client comes from Debian's newer suite (see fetch.py).
"""

from __future__ import annotations

import subprocess

from installers.checkout import environment, system
from installers.checkout.console import StepError, run_quietly

PACKAGES = {"dnf": "docker-cli", "pacman": "docker", "brew": "docker", "winget": "Docker.DockerCLI"}


def docker_parts() -> tuple[system.Part, ...]:
    """The docker CLI, where the system has a package of it; elsewhere :func:`ensure_docker` fetches it."""
    if system.find_program("docker"):
        return ()
    manager = system.find_manager()
    if manager is None or manager[1] != "apt":
        return (system.Part("docker", PACKAGES),)
    if not apt_has("docker-cli"):
        return ()
    buildx = system.Part("docker-buildx", {"apt": "docker-buildx"}, lambda: has_plugin("buildx"))
    return (system.Part("docker", {"apt": "docker-cli"}), buildx)


def ensure_docker() -> None:
    """See to it that a docker CLI is on the PATH.

    :raise StepError: it is not and cannot be installed from here; the message holds the command to type.
    """
    if system.find_program("docker"):
        return
    fetched = fetch("docker", "fetching the docker command line from Debian").split()
    files = [file for file in fetched if "docker-compose" not in file]
    if not system.is_root():
        command = f"sudo apt-get install {' '.join(files)}"
        raise StepError(f"Missing: docker\nType this, then start again:\n  {command}")
    system.apt_install(files)
    if not system.find_program("docker"):
        raise StepError("The docker command line was installed, and is not on the PATH")


def apt_has(package: str) -> bool:
    """Say whether apt knows a version of ``package`` to install."""
    done = subprocess.run(["apt-cache", "policy", package], capture_output=True, text=True, check=False)
    return "  Candidate: " in done.stdout and "  Candidate: (none)" not in done.stdout


def ensure_test_tools() -> None:
    """See to what the tests need besides: BuildKit's and Compose's plugins, a foreign busybox, skopeo.

    :raise StepError: they are not there and cannot be fetched, as on systems without Debian's package tools.
    """
    if not is_fetched("docker") and not all(has_plugin(name) for name in ("buildx", "compose")):
        fetch("docker", "fetching docker's plugins from Debian, for the tests")
    if not is_fetched("busybox"):
        fetch("busybox", "fetching a busybox of the other architecture from Debian, for the tests")
    if not is_fetched("skopeo"):
        fetch("skopeo", "fetching skopeo from Debian, for the tests")


def has_plugin(name: str) -> bool:
    """Say whether the docker CLI finds its plugin ``name`` by itself."""
    docker = system.find_program("docker")
    return (
        docker is not None
        and subprocess.run([docker, name, "version"], capture_output=True, check=False).returncode == 0
    )


def is_fetched(name: str) -> bool:
    """Say whether fetch.py has brought ``name`` already."""
    return subprocess.run(fetcher("there", name), cwd=environment.ROOT, check=False).returncode == 0


def fetch(name: str, title: str) -> str:
    """Let fetch.py bring ``name``, in the virtual environment; return what it printed.

    :raise StepError: the packages cannot be had.
    """
    return run_quietly(title, fetcher("fetch", name), folder=environment.ROOT)


def fetcher(command: str, name: str) -> list[str]:
    """The command line of fetch.py, which runs in the virtual environment."""
    return [str(environment.program("python")), "-m", "installers.checkout.fetch", command, name]
