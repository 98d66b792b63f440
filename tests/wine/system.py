"""Runs Windows programs under Wine, with a C: drive, a screen and processes of their own.

Two properties of Wine shape this module. Its background processes inherit the output of the program that started
them, so output goes to files: a pipe would stay open. And the first Wine process fixes the screen for all later
ones, so the screen is started first.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from types import TracebackType
from typing import IO

import psutil

from tests.wine.namespaces import Namespaces, real_process
from tests.wine.root import HOME, root_folder

PREFIX = ".wine"
"""Where Wine keeps registry and drives, in the home folder."""

INSIDE_C = PurePosixPath(HOME, PREFIX, "drive_c")
"""Where the C: drive is for Wine; Z: is the root folder."""

ENVIRONMENT = {
    "HOME": HOME,
    "LANG": "C.UTF-8",
    "PATH": "/usr/lib/wine:/usr/bin",
    "WINEDEBUG": "-all",
    "WINEDLLOVERRIDES": "mscoree,mshtml=",  # else it asks whether to download .NET and a browser
}

WINE, SERVER = "wine64", "wineserver64"

SCREEN = "1280x1024x24"

SECONDS = 120.0
"""How long a program may run, unless the test says."""


POLL_SECONDS = 0.05

FOLDER_NAME = "slipway-wine-"
"""How the names of the temporary folders begin; the process comes next."""

PROGRAM_FILES = (".acm", ".cpl", ".dll", ".drv", ".exe", ".nls", ".ocx", ".sys")


@dataclass(frozen=True)
class Completed:
    """How a program ended, and what it printed.

    :ivar code: its exit code; Wine keeps the lower eight bits.
    """

    code: int
    output: str
    errors: str


class WineProgram:
    """A running Windows program.

    :param entered: the process of :meth:`Namespaces.command` that stands for it.
    """

    def __init__(self, entered: subprocess.Popen[bytes]) -> None:
        self._entered = entered

    def wait(self, seconds: float = SECONDS) -> int:
        """Wait for its end; return the exit code.

        :raise subprocess.TimeoutExpired: it still runs.
        """
        return self._entered.wait(seconds)

    def is_running(self) -> bool:
        return self._entered.poll() is None

    def kill(self) -> None:
        """End it at once, as the Task Manager does; the programs that it has started go on."""
        while self._entered.poll() is None:  # a program that has just been started may not be there yet
            if process := real_process(self._entered):
                process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._entered.wait(POLL_SECONDS)


class WineSystem:
    """A Windows to run programs in; a context manager.

    :ivar drive_c: the C: drive as a folder of the host.
    :ivar display: the screen; the host's programs can use it too.
    :param prefix: a folder with a registry and a C: drive to start from (prefix.py); None: Wine makes new ones.
    :param mounts: folder of the host → where Windows has it, read-only (``C:\\…``).
    :raise UserError: Wine cannot be fetched.
    :raise RuntimeError: this computer does not allow what it needs.
    """

    def __init__(self, prefix: Path | None, mounts: Mapping[Path, str] | None = None) -> None:
        root = root_folder()
        self._cleanup = ExitStack()
        remove_leftovers()
        folder = Path(tempfile.mkdtemp(prefix=f"{FOLDER_NAME}{os.getpid()}-"))
        self._cleanup.callback(shutil.rmtree, folder, ignore_errors=True)
        self.prefix = folder / "home" / PREFIX
        self.drive_c = self.prefix / "drive_c"
        self._scratch = folder / "output"
        try:
            for name in ("home", "tmp", "output"):
                (folder / name).mkdir()
            if prefix is None:
                self.drive_c.mkdir(parents=True)
            else:
                shutil.copytree(prefix, self.prefix, symlinks=True, copy_function=link_or_copy)
            places = {source: self._make_mount_point(windows) for source, windows in (mounts or {}).items()}
            self._namespaces = Namespaces(root, folder / "home", folder / "tmp", places)
            self._cleanup.callback(self._namespaces.close)
            self._environment = dict(ENVIRONMENT)
            self.display = self._environment["DISPLAY"] = self._start_screen()
            self._server = self._enter([SERVER, "--foreground", "--persistent"])
        except BaseException:
            self._cleanup.close()
            raise

    def _make_mount_point(self, windows: str) -> str:
        self.host_path(windows).mkdir(parents=True)
        return str(inside_path(windows))

    def _start_screen(self) -> str:
        """Start a screen with a number that is free; return its name."""
        reading, writing = os.pipe()
        with os.fdopen(reading, "rb") as numbers:
            try:
                argv = ["Xvfb", "-displayfd", str(writing), "-screen", "0", SCREEN, "-nolisten", "tcp", "-noreset"]
                self._screen = self._enter(argv, pass_fds=(writing,))
            finally:
                os.close(writing)
            number = numbers.readline().decode().strip()
        if not number:
            raise RuntimeError(f"Xvfb ended with {self._screen.wait()} instead of showing a screen")
        return f":{number}"

    def _enter(self, argv: list[str], pass_fds: tuple[int, ...] = ()) -> subprocess.Popen[bytes]:
        """Start a Linux program in the namespaces, without input and output; it is not waited for."""
        return subprocess.Popen(
            self._namespaces.command(argv, "/"),
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=pass_fds,
        )

    def host_path(self, windows: str) -> Path:
        """The host's path of a file on the C: drive.

        :raise ValueError: it is of another drive.
        """
        path = PureWindowsPath(windows)
        if path.drive.upper() != "C:":
            raise ValueError(f"{windows} is not on the C: drive")
        return self.drive_c.joinpath(*path.parts[1:])

    def popen(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str] | None = None,
        folder: str = "C:\\",
        stdin: int | IO[bytes] = subprocess.DEVNULL,
        stdout: int | IO[bytes] = subprocess.DEVNULL,
        stderr: int | IO[bytes] = subprocess.DEVNULL,
    ) -> WineProgram:
        """Start a Windows program.

        :param argv: the program first: a path (``C:\\…``), or a name that Windows finds.
        :param environment: variables besides Windows' own; ``PATH`` comes first on its PATH.
        :param folder: to run it in.
        :param stdout: a file; a pipe only for a program that starts no others. The same for ``stderr``.
        """
        variables = {**self._environment, **(environment or {})}
        if environment and "PATH" in environment:
            variables |= {"PATH": ENVIRONMENT["PATH"], "WINEPATH": environment["PATH"]}
        command = self._namespaces.command([WINE, *argv], str(inside_path(folder)))
        return WineProgram(subprocess.Popen(command, env=variables, stdin=stdin, stdout=stdout, stderr=stderr))

    def run(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str] | None = None,
        folder: str = "C:\\",
        given: bytes = b"",
        seconds: float = SECONDS,
    ) -> Completed:
        """Run a Windows program until it ends; its background processes may go on. See :meth:`popen`.

        :param given: its standard input.
        :raise AssertionError: it has not ended in time, and has been killed; with what it printed.
        """
        with ExitStack() as files:
            stdin, stdout, stderr = (
                files.enter_context(tempfile.TemporaryFile(dir=self._scratch)) for _ in range(3)
            )
            stdin.write(given)
            stdin.seek(0)
            program = self.popen(argv, environment, folder, stdin, stdout, stderr)
            late = False
            try:
                code = program.wait(seconds)
            except subprocess.TimeoutExpired:
                late = True
            finally:
                program.kill()
            stdout.seek(0)
            stderr.seek(0)
            output, errors = (_text(stream.read()) for stream in (stdout, stderr))
        assert not late, f"{argv} took more than {seconds:.0f} s:\n{output}{errors}"
        return Completed(code, output, errors)

    def shut_down(self) -> None:
        """End all Windows programs and write the registry to its files."""
        self._enter([SERVER, "--kill"]).wait(SECONDS)
        self._server.wait(SECONDS)

    def close(self) -> None:
        """End everything and delete the C: drive."""
        self._cleanup.close()
        for process in (self._server, self._screen):
            process.wait(SECONDS)

    def __enter__(self) -> WineSystem:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def remove_leftovers() -> None:
    """Delete the folders of test processes that were killed; the kernel has ended everything else of theirs."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER_NAME}*"):
        pid = folder.name.removeprefix(FOLDER_NAME).partition("-")[0]
        if pid.isdecimal() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)


def link_or_copy(source: str, target: str) -> None:
    """Give a new C: drive one of Wine's files: a hard link to a program or a library, a copy of anything else.

    Programs and libraries are 750 MB, and nothing changes them in place: installers replace them.
    """
    if Path(source).suffix in PROGRAM_FILES:
        with contextlib.suppress(OSError):  # another file system
            os.link(source, target)
            return
    shutil.copy2(source, target)


def inside_path(windows: str) -> PurePosixPath:
    """The path of a file on the C: drive inside the namespaces."""
    return INSIDE_C.joinpath(*PureWindowsPath(windows).parts[1:])


def _text(data: bytes) -> str:
    """What a program has printed, with ``\\n`` at the ends of lines."""
    return data.decode(errors="replace").replace("\r\n", "\n")
