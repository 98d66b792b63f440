"""Fetch and unpack the recipe's Debian packages with mmdebstrap, from the mirror this host already uses.

No maintainer script runs, so any architecture can be unpacked, and ``--mode=chrootless`` needs neither root nor
user namespaces. Where packages come from: the caller's mirror, else the Debian mirror in the host's own apt
sources (apt-get(8) indextargets), else mmdebstrap's default for the suite. Signatures are always checked.
"""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

import psutil

from vm.errors import HostError, ImageError
from vm.host.paths import IMAGE_URL
from vm.image.recipe import Recipe
from vm.spec import Arch

Progress = Callable[[str, float | None], None]
"""Called with what is going on, and how far it is (0…1) where that is known."""

TOOLS = {
    "mmdebstrap": "mmdebstrap",
    "apt-get": "apt",
    "dpkg-deb": "dpkg",
    "depmod": "kmod",
    "mkfs.erofs": "erofs-utils",
}
HOOKS = Path(__file__).resolve().parent / "hooks"

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def find_tool(name: str) -> str:
    """Return the path of a program, looking in the system folders too (``sbin`` is not on everyone's PATH).

    :raise HostError: it is not there.
    """
    path = os.environ.get("PATH", os.defpath) + os.pathsep + os.pathsep.join(("/usr/sbin", "/sbin"))
    found = shutil.which(name, path=path)
    if found is None:
        raise HostError(f"The program {name} is missing; building the system image needs it", build_hint())
    return found


def can_build() -> bool:
    """Whether this system has what builds images, or could have it."""
    return shutil.which("apt-get") is not None


def build_hint() -> str:
    """What to type so that this host can build images, or what to do instead."""
    if not can_build():
        return (
            "Install Slipway again: its package has the image. From a checkout, build it on Debian or Ubuntu and "
            f"copy its folder here, or name a server that has it in {IMAGE_URL}."
        )
    packages = sorted({*TOOLS.values(), "debian-archive-keyring"} - {"apt", "dpkg"})
    return f"Type: sudo apt-get install {' '.join(packages)}"


def check_tools() -> None:
    """See that this host has all a build needs.

    :raise HostError: it is neither Debian nor Ubuntu, or a program or Debian's keys are missing.
    """
    if not can_build():
        raise HostError("The machine's system image is missing, and your computer cannot build it", build_hint())
    for name in TOOLS:
        find_tool(name)
    if not KEYRING.exists():
        raise HostError("Debian's archive keys are missing; building the system image needs them", build_hint())


async def host_sources(suite: str) -> list[str]:
    """The host's own Debian sources turned to ``suite``; empty when the host has none (Ubuntu, no apt).

    :return: one-line sources (sources.list(5)): the archive, its updates, its security updates as far as known.
    """
    process = await asyncio.create_subprocess_exec(
        find_tool("apt-get"),
        "indextargets",
        "--format",
        "$(ORIGIN)|$(COMPONENT)|$(CODENAME)|$(REPO_URI)",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    output, _ = await process.communicate()
    return sources_from(output.decode(errors="replace"), suite)


def sources_from(targets: str, suite: str) -> list[str]:
    """Make one-line sources for ``suite`` out of apt's index targets (origin|component|codename|uri lines)."""
    main: str | None = None
    security: str | None = None
    for line in targets.splitlines():
        origin, _, rest = line.partition("|")
        component, _, rest = rest.partition("|")
        codename, _, uri = rest.partition("|")
        if not origin.startswith("Debian") or component != "main" or not uri:
            continue
        if "security" in codename:
            security = security or uri.rstrip("/")
        elif "-" not in codename:
            main = main or uri.rstrip("/")
    if main is None:
        return []
    lines = archive_lines(main, suite)
    return [*lines, f"deb {security} {suite}-security main"] if security else lines


def archive_lines(mirror: str, suite: str) -> list[str]:
    """One-line sources of an archive and its updates."""
    return [f"deb {mirror} {suite} main", f"deb {mirror} {suite}-updates main"]


def newer_line(lines: list[str], suite: str, newer: str) -> str:
    """The source of the newer suite, on the same mirror as ``suite``.

    :raise ImageError: no line names ``suite``.
    """
    for line in lines:
        words = re.sub(r"\[.*?\]", "", line).split()
        if len(words) >= 3 and words[0] == "deb" and words[2] == suite:
            return f"deb [check-valid-until=no] {words[1]} {newer} main"
    raise ImageError(
        f"No package source for Debian {suite} is known", "Give a mirror with --mirror.", "\n".join(lines)
    )


async def fetch(
    recipe: Recipe, arch: Arch, folder: Path, mirror: str | None, progress: Progress
) -> dict[str, str]:
    """Unpack the recipe's packages into ``folder / "tree"``.

    :param folder: an empty work folder.
    :param mirror: address of a Debian archive, or None for the host's own.
    :return: package → version of everything that was fetched.
    :raise ImageError: the archive cannot be reached, or does not hold what the recipe expects.
    :raise HostError: a tool is missing.
    """
    lines = archive_lines(mirror, recipe.suite) if mirror else await host_sources(recipe.suite)
    preferences = folder / "preferences"
    preferences.write_text(
        f"Package: *\nPin: release n={recipe.newer_suite}\nPin-Priority: 100\n\n"
        f"Package: {' '.join(recipe.newer_packages)}\nPin: release n={recipe.newer_suite}\nPin-Priority: 990\n"
    )
    tree = folder / "tree"
    argv = [
        find_tool("mmdebstrap"),
        "--mode=chrootless",
        "--variant=extract",
        "--format=directory",
        "--skip=cleanup/apt/cache",
        f"--architectures={arch.value}",
        f"--include={','.join(recipe.packages(arch))}",
        '--aptopt=APT::Install-Recommends "false"',
        f'--setup-hook=cp {shlex.quote(str(preferences))} "$1"/etc/apt/preferences.d/slipway',
    ]
    if lines:
        sources = "\n".join([*lines, newer_line(lines, recipe.suite, recipe.newer_suite), ""])
        argv += [recipe.suite, str(tree), "-"]
    else:
        hook = HOOKS / "add-suite.sh"
        argv[-1:-1] = [f'--setup-hook=sh {shlex.quote(str(hook))} "$1" {recipe.suite} {recipe.newer_suite}']
        argv += [recipe.suite, str(tree)]
        sources = ""
    progress("fetching Debian packages", None)
    tail: list[str] = []
    hint = "Check the network and try again."
    async for line in run_lines(argv, sources.encode(), "The Debian packages cannot be fetched", tail, hint=hint):
        text = line.removeprefix("I: ")
        if line.startswith("I: ") and text.split()[0] in ("downloading", "extracting", "running"):
            progress(text.rstrip("."), None)
    packages = package_versions([path.name for path in (tree / "var/cache/apt/archives").glob("*.deb")])
    check_expected(recipe.expect, packages)
    return packages


def package_versions(files: list[str]) -> dict[str, str]:
    """Package → version from apt's names of downloaded files (``name_epoch%3aversion_arch.deb``)."""
    found = {}
    for file in sorted(files):
        name, version, _arch = file.removesuffix(".deb").split("_")
        found[name] = unquote(version)
    return found


def check_expected(expect: dict[str, str], packages: dict[str, str]) -> None:
    """Refuse packages whose versions do not begin as the recipe says.

    :raise ImageError: naming the first one that does not.
    """
    for name, beginning in sorted(expect.items()):
        version = packages.get(name, "none")
        if not version.partition(":")[2].startswith(beginning) and not version.startswith(beginning):
            raise ImageError(
                f"The package archive has {name} {version}, and the recipe expects {beginning}*",
                "Use a mirror that still has it (a snapshot of the archive), or a newer Slipway.",
            )


def kill_family(pid: int) -> None:
    """End a process and all that it started."""
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        for process in [*parent.children(recursive=True), parent]:
            with suppress(psutil.NoSuchProcess):
                process.kill()


async def run_lines(
    argv: list[str],
    stdin: bytes,
    failure: str,
    tail: list[str],
    variables: Mapping[str, str] | None = None,
    hint: str = "",
) -> AsyncIterator[str]:
    """Run a program and yield its lines (both outputs). Ended with all its children when the caller is cancelled.

    :param tail: receives the last lines.
    :param variables: environment variables besides this process's own.
    :param hint: for when it fails, but for a full disk.
    :raise ImageError: with ``failure`` as message and the last lines as detail when it exits with an error.
    """
    with tempfile.TemporaryFile() as given:  # no pipe: a program that ends early would break it
        given.write(stdin)
        given.seek(0)
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=given,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, "LC_ALL": "C.UTF-8", **(variables or {})},
        )
    assert process.stdout is not None
    try:
        async for raw in process.stdout:
            line = raw.decode(errors="replace").rstrip()
            tail.append(line)
            del tail[:-40]
            yield line
        code = await process.wait()
    finally:
        if process.returncode is None:
            kill_family(process.pid)
            await process.wait()
    if code != 0:
        text = "\n".join(tail)
        if "No space left" in text:
            raise HostError("The disk is full", "Free some space (a build needs about 3 GB) and try again.", text)
        raise ImageError(failure, hint, f"{argv[0]} exited with {code}\n{text}")


async def run(argv: list[str], failure: str, variables: Mapping[str, str] | None = None, hint: str = "") -> None:
    """Run a program to its end; as :func:`run_lines`, whose lines nobody needs."""
    async for _line in run_lines(argv, b"", failure, [], variables, hint):
        pass
