"""Namespaces with Wine's mounts and processes, by unshare(1) and nsenter(1): all of them end with one process.

The first process inside ends at the end of its standard input (enter.sh), and so also when this process is killed.
Root can always make them; other users need user namespaces.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import psutil

from installers.checkout.system import is_root

ENTER = Path(__file__).with_name("enter.sh")

END_SECONDS = 20.0


class Namespaces:
    """A file tree around ``root``, and the processes in it.

    :param home: the user's home folder inside. It and ``tmp`` are writable, everything else is not.
    :param mounts: folder of the host → its path inside, read-only.
    :raise RuntimeError: the host does not allow it; with the program's message.
    """

    def __init__(self, root: Path, home: Path, tmp: Path, mounts: Mapping[Path, str]) -> None:
        user = () if is_root() else ("--user", "--map-root-user")
        pairs = [str(word) for pair in mounts.items() for word in pair]
        argv = [_program("unshare"), *user, "--mount", "--pid", "--fork", "--kill-child"]
        self._holder = subprocess.Popen(
            [*argv, "/bin/sh", str(ENTER), str(root), str(home), str(tmp), *pairs],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._holder.stdout
        assert self._holder.stderr
        if self._holder.stdout.readline() != "ready\n":
            reason = self._holder.stderr.read()
            self.close()
            raise RuntimeError(f"Wine's own namespaces cannot be made here; root can always make them:\n{reason}")
        (shell,) = psutil.Process(self._holder.pid).children()
        (inside,) = shell.children()  # the one that sees the root folder as its root
        self._enter = [_program("nsenter"), f"--target={inside.pid}", "--mount", "--pid", "--root"]
        self._enter += [] if is_root() else ["--user", "--preserve-credentials"]

    def command(self, argv: list[str], folder: str) -> list[str]:
        """The command line that runs ``argv`` inside and returns its exit code.

        :param folder: the working folder, by its path inside.
        """
        return [*self._enter, "/usr/bin/env", f"--chdir={folder}", *argv]

    def close(self) -> None:
        """End every process inside."""
        with contextlib.suppress(BrokenPipeError):
            assert self._holder.stdin
            self._holder.stdin.close()
        try:
            self._holder.wait(END_SECONDS)
        finally:
            self._holder.kill()
            self._holder.wait()
            for stream in (self._holder.stdout, self._holder.stderr):
                if stream:
                    stream.close()


def real_process(entered: subprocess.Popen[bytes]) -> psutil.Process | None:
    """The program that a started :meth:`Namespaces.command` stands for: nsenter's child; None: it has ended."""
    try:
        children = psutil.Process(entered.pid).children()
    except psutil.NoSuchProcess:
        return None
    return children[0] if children else None


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise RuntimeError(f"The program {name} is missing (Debian's package util-linux)")
    return found
