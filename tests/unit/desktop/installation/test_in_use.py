"""The programs that use a folder: real processes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from desktop.installation.__main__ import main
from desktop.installation.in_use import is_below, users, wait_until_unused


@contextmanager
def sleeping(program: Path | str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program that sleeps in ``folder``."""
    process = subprocess.Popen([str(program), "60"], cwd=folder)
    try:
        end = time.monotonic() + 10
        while psutil.Process(process.pid).exe() == os.path.realpath(sys.executable):  # not yet the other program
            assert time.monotonic() < end
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def sleep(tmp_path: Path) -> Path:
    """A program in the folder ``package``."""
    found = shutil.which("sleep")
    assert found is not None
    (tmp_path / "package").mkdir()
    return Path(shutil.copy(found, tmp_path / "package" / "sleeper"))


def test_a_program_in_it(sleep: Path, tmp_path: Path) -> None:
    assert users(sleep.parent) == []
    with sleeping(sleep, tmp_path) as process:
        (found,) = users(sleep.parent)
        assert str(found) == f"sleeper (process {process.pid})"
        assert users(sleep.parent, [process.pid]) == []
        assert users(tmp_path / "pack") == []
    assert users(sleep.parent) == []


def test_a_program_that_works_in_it(sleep: Path) -> None:
    with sleeping("sleep", sleep.parent) as process:
        (found,) = users(sleep.parent)
        assert str(found) == f"sleep (process {process.pid}), which works in that folder"


def test_one_that_ends_is_waited_for(sleep: Path, tmp_path: Path) -> None:
    """Also while nobody has asked for its exit code, when it is in the list of processes as a zombie."""
    process = subprocess.Popen([sleep, "1"])
    assert wait_until_unused(sleep.parent, 30) == []
    assert psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE
    assert process.wait() == 0


def test_the_command_names_those_that_stay(
    sleep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with sleeping(sleep, tmp_path) as process:
        assert main(["in-use", str(sleep.parent), "--seconds", "0.1"]) == 1
        assert capsys.readouterr().out == f"sleeper (process {process.pid})\n"
    assert main(["in-use", str(sleep.parent)]) == 0
    assert capsys.readouterr().out == ""


def test_this_process_does_not_count() -> None:
    assert psutil.Process().pid not in [user.pid for user in wait_until_unused(Path.cwd(), 0)]


def test_what_is_below(tmp_path: Path) -> None:
    assert is_below(str(tmp_path), tmp_path)
    assert is_below(str(tmp_path / "a" / "b"), tmp_path)
    assert not is_below(f"{tmp_path}x", tmp_path)
    assert not is_below("", tmp_path)


@pytest.fixture
def own(sleep: Path, tmp_path: Path) -> Path:
    """A program of the package's own Python."""
    (tmp_path / "package" / "python").mkdir()
    return Path(shutil.copy(sleep, tmp_path / "package" / "python" / "sleeper"))


def test_those_of_a_package_are_asked_to_end(own: Path, sleep: Path, tmp_path: Path) -> None:
    """Its own programs, by SIGTERM; others that happen to lie there are let be. No machine was stopped."""
    script = tmp_path / "restart"
    with sleeping(own, tmp_path) as process, sleeping(sleep, tmp_path) as other:
        assert main(["end", str(sleep.parent), "--restart", str(script)]) == 0
        assert process.wait() == -signal.SIGTERM
        assert other.poll() is None
    assert not script.exists()


def test_a_machine_is_started_again(own: Path, tmp_path: Path) -> None:
    """By a script that runs the launcher as the user, with the supervisor's environment, whatever is in it."""
    machine = shutil.copy(own, tmp_path / "qemu-system-x86_64")
    supervisor = tmp_path / "package" / "python" / "supervisor"
    shutil.copy("/bin/dash", supervisor)
    given = {"WORDS": "it's two\nlines", "HOME": "/home/x"}
    argv = [str(supervisor), "-c", f"{machine} 60 & wait"]
    process = subprocess.Popen(argv, env=given, cwd=tmp_path)
    try:
        end = time.monotonic() + 10
        while not [child for child in psutil.Process(process.pid).children() if child.exe() == str(machine)]:
            assert time.monotonic() < end
        script = tmp_path / "restart"
        children = psutil.Process(process.pid).children()
        assert main(["end", str(tmp_path / "package"), "--restart", str(script)]) == 0
        process.wait()
        for child in children:
            child.kill()
    finally:
        process.kill()
    assert script.stat().st_mode & 0o777 == 0o600
    (tmp_path / "setsid").write_text('#!/bin/sh\nprintf "%s|" "$@" >"$0.words"\n')
    (tmp_path / "setsid").chmod(0o755)
    subprocess.run(["sh", script], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=True)
    user = psutil.Process().username()
    launcher = str(tmp_path / "package" / "bin" / "slipway")
    before = ["--fork", "runuser", "-u", user, "--", "env", "-i"]
    words = (tmp_path / "setsid.words").read_text().split("|")
    assert words == [*before, *(f"{name}={value}" for name, value in given.items()), launcher, "start", ""]
