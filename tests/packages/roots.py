"""A Debian of its own in a folder: its files, its mounts, its processes, and an ordinary user."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import psutil

from installers.common.store import keep, key_of
from tests.wine.root import cache_folder
from vm.image.fetch import find_tool, host_sources, run_lines

ENTER = Path(__file__).with_name("enter.sh")

USER = "alice"
UID = 1000

PACKAGES = ("passwd", "desktop-file-utils")
"""What a root has besides what is essential: desktop-file-utils checks the menu's entry."""

APT = 'APT::Install-Recommends "false";\nBinary::apt-get::APT::Keep-Downloaded-Packages "true";\n'

END_SECONDS = 60.0


def base_root(suite: str) -> Path:
    """A root of that Debian, as it is after its installation; kept in the cache, and not to be changed.

    :raise UserError: Debian's packages cannot be fetched, or a tool for that is missing.
    """

    def make(folder: Path) -> None:
        tree = folder / "root"
        asyncio.run(_install(suite, tree))
        (tree / "etc/apt/apt.conf.d/90test").write_text(APT)
        subprocess.run(["chroot", tree, "useradd", "--create-home", f"--uid={UID}", USER], check=True)

    key = key_of(suite, *PACKAGES, APT, USER)
    return keep(f"packages-{suite}", key, make, cache_folder()) / "root"


async def _install(suite: str, tree: Path) -> None:
    argv = [find_tool("mmdebstrap"), "--mode=root", "--variant=apt", "--format=directory", "--skip=cleanup/apt"]
    argv += [f"--include={','.join(PACKAGES)}", suite, str(tree)]
    lines = await host_sources(suite)
    sources = "".join(f"{line}\n" for line in lines)
    tail: list[str] = []
    async for _ in run_lines([*argv, *(["-"] if lines else [])], sources.encode(), f"No {suite}", tail):
        pass


class Root:
    """A fresh root, and the processes in it; all end with it.

    :param suite: which Debian's.
    :param folder: an empty folder for its files.
    """

    def __init__(self, suite: str, folder: Path) -> None:
        self.suite = suite
        self.path = folder / "root"
        base = base_root(suite)
        subprocess.run(["cp", "--archive", "--reflink=auto", base, self.path], check=True)
        fetched = cache_folder() / f"apt-{suite}"
        fetched.mkdir(parents=True, exist_ok=True)
        unshare = ["unshare", "--mount", "--pid", "--ipc", "--fork", "--kill-child"]
        self._holder = subprocess.Popen(
            [*unshare, "/bin/sh", str(ENTER), str(self.path), str(fetched)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == "ready\n", "its mounts cannot be made"
        (inside,) = psutil.Process(self._holder.pid).children()
        self._enter = ["nsenter", f"--target={inside.pid}", "--mount", "--pid", "--ipc", "--root", "--wd"]

    def run(
        self,
        *argv: str,
        user: str = "root",
        seconds: float = 300,
        check: bool = True,
        variables: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program inside to its end; its two outputs are one.

        :param check: fail when its exit code is not 0.
        :param variables: besides the few that a login has.
        """
        home = "/root" if user == "root" else f"/home/{user}"
        given = {"HOME": home, "USER": user, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
        given |= variables or {}
        become = [] if user == "root" else ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"]
        words = ["/usr/bin/env", "-i", f"--chdir={home}", *(f"{name}={value}" for name, value in given.items())]
        # to a file, not a pipe: what stays in the background would hold that open
        with (self.path.parent / "output").open("w+") as output:
            done = subprocess.run(
                [*self._enter, *words, *become, *argv],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=seconds,
                check=False,
            )
            output.seek(0)
            text = output.read()
        assert done.returncode == 0 or not check, f"{argv}: exit code {done.returncode}\n{text}"
        return subprocess.CompletedProcess(argv, done.returncode, text)

    def apt(self, *words: str) -> str:
        """Run apt-get without questions; what it has printed."""
        return self.run(
            "apt-get", "-y", *words, seconds=900, variables={"DEBIAN_FRONTEND": "noninteractive"}
        ).stdout

    def install(self, package: Path) -> str:
        """Install a package of ours with all that it depends on, by apt."""
        shutil.copyfile(package, self.path / package.name)
        try:
            return self.apt("install", f"/{package.name}")
        finally:
            (self.path / package.name).unlink()

    def found(self, name: str) -> set[str]:
        """All paths with such a name (find(1)), but those of the user, and dpkg's and apt's own records."""
        places = ["/home", "/tmp", "/var/lib/dpkg", "/var/log", "/var/cache/apt"]
        passed_over = [word for place in places for word in ("-path", place, "-prune", "-o")]
        text = self.run("find", "/", "-xdev", *passed_over, "-iname", name, "-print").stdout
        return set(text.split())

    def close(self) -> None:
        """End every process inside."""
        assert self._holder.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._holder.stdin.close()
        try:
            self._holder.wait(END_SECONDS)
        finally:
            self._holder.kill()
            self._holder.wait()
            assert self._holder.stdout is not None
            self._holder.stdout.close()
        shutil.rmtree(self.path)
