"""Folders of Windows in containers, by docker.exe: every way to write them, and what programs do there."""

from __future__ import annotations

import itertools
import shutil
import stat
import time
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath

import pytest

from tests.e2e.watching import compile_program
from tests.wine.keeping import kept
from tests.wine.windows import DOCKER, IMAGE, PYTHON, Windows

PROJECT = r"C:\users\slipway\Project Ä"
"""In the home folder, which is shared."""

NAME = "/c/users/slipway/Project Ä"
"""The machine's name for it."""

PROGRAM = r"C:\users\slipway\inotify"


@pytest.fixture
def project(windows: Windows) -> Iterator[Path]:
    """A folder with the file ``word`` in it, as the host has it."""
    folder = windows.wine.host_path(PROJECT)
    folder.mkdir()
    (folder / "word").write_text("from Windows", encoding="utf-8")
    yield folder
    shutil.rmtree(folder)


def in_container(windows: Windows, script: str, *options: str) -> str:
    """What a shell in a new container prints; the project is at /app unless ``options`` say what is mounted."""
    return windows.docker("run", "--rm", *(options or ("-v", rf"{PROJECT}:/app")), IMAGE, "sh", "-c", script)


@pytest.mark.parametrize(
    "source",
    [
        PROJECT,
        PROJECT.upper(),
        PureWindowsPath(PROJECT).as_posix(),
        rf"{PROJECT}\..\Project Ä" + "\\",
        NAME,
        f"/{NAME}",
        NAME.replace("/c/", "/C/"),
    ],
)
def test_every_spelling(windows: Windows, project: Path, source: str) -> None:
    assert in_container(windows, "cat /app/word", "-v", f"{source}:/app") == "from Windows"
    assert in_container(windows, "cat /app/word", "-v", f"{source}:/app:ro") == "from Windows"
    mount = f"type=bind,source={source},target=/app"
    assert in_container(windows, "cat /app/word", "--mount", mount) == "from Windows"


def test_a_relative_path(windows: Windows, project: Path) -> None:
    """docker.exe makes it absolute, as the terminal's folder has it."""
    argv = [DOCKER, "run", "--rm", "-v", r".\sub:/app", IMAGE, "cat", "/app/word"]
    (project / "sub").mkdir()
    (project / "sub" / "word").write_text("below", encoding="utf-8")
    assert windows.wine.run(argv, folder=PROJECT).output == "below"


def test_one_file(windows: Windows, project: Path) -> None:
    script = "cat /word; echo and the container >>/word"
    assert in_container(windows, script, "-v", rf"{PROJECT}\word:/word") == "from Windows"
    assert (project / "word").read_text(encoding="utf-8") == "from Windowsand the container\n"


def test_what_is_written_is_on_windows(windows: Windows, project: Path) -> None:
    """With the modes and owners that the machine remembers, which Windows has none of."""
    script = (
        "cd /app && mkdir -p 'a b/文件' && echo inside >'a b/文件/größe' && mv word moved && "
        "echo '#!/bin/sh' >run && chmod 750 run && chown 1000:100 run"
    )
    in_container(windows, script)
    assert (project / "a b" / "文件" / "größe").read_text(encoding="utf-8") == "inside\n"
    assert (project / "moved").read_text(encoding="utf-8") == "from Windows"
    assert not (project / "word").exists()
    assert in_container(windows, "stat -c '%a %u:%g' /app/run") == "750 1000:100\n"


def test_windows_can_remove_what_was_mounted(windows: Windows, project: Path) -> None:
    """Nothing of ours keeps it open after the container has gone."""
    assert in_container(windows, "find /app -type f") == "/app/word\n"
    removal = f"import os; os.remove({PROJECT!r} + r'\\word'); os.rmdir({PROJECT!r})"
    done = windows.wine.run([PYTHON, "-c", removal])
    assert done.code == 0, done
    assert not project.exists()
    project.mkdir()


def test_what_does_not_exist_yet_is_made(windows: Windows, project: Path) -> None:
    in_container(windows, "echo made >/new/file", "-v", rf"{PROJECT}\new\folder:/new")
    assert (project / "new" / "folder" / "file").read_text(encoding="utf-8") == "made\n"


def test_upper_and_lower_case_are_one(windows: Windows, project: Path) -> None:
    """As Windows has it: the file keeps the letters it was made with."""
    script = "cd /app && cat WORD && echo again >Word && ls"
    assert in_container(windows, script) == "from Windowsword\n"
    assert (project / "word").read_text(encoding="utf-8") == "again\n"


def test_names_that_windows_cannot_have(windows: Windows, project: Path) -> None:
    names = ("nul", "com1.txt", "a:stream", "question?", "dot.", "space ")
    words = " ".join(f"'{name}'" for name in names)
    script = f'cd /app; for name in {words}; do touch "$name" && echo "$name"; done; :'
    assert in_container(windows, script) == ""
    assert [path.name for path in project.iterdir()] == ["word"]


def test_long_paths(windows: Windows, project: Path) -> None:
    """Windows' programs end at 260 characters, unless they know better; ours do."""
    folder = "/".join(["n" * 100] * 4)
    in_container(windows, f"mkdir -p /app/{folder} && echo deep >/app/{folder}/file")
    assert (project / folder / "file").read_text(encoding="utf-8") == "deep\n"
    assert in_container(windows, f"cat /app/{folder}/file; rm -r /app/{'n' * 100}; ls /app") == "deep\nword\n"


def test_read_only_files(windows: Windows, project: Path) -> None:
    """A file that Windows calls read-only has no mode to write, and can be removed as on Linux.

    Windows refuses to write to it; Wine asks Linux, which lets root.
    """
    done = windows.wine.run(["attrib", "+r", rf"{PROJECT}\word"])
    assert done.code == 0, done
    assert not project.joinpath("word").stat().st_mode & stat.S_IWUSR
    assert in_container(windows, "stat -c %A /app/word | cut -c3") == "-\n"
    assert in_container(windows, "rm /app/word && ls /app") == ""
    assert not (project / "word").exists()


HOLD = """
import ctypes, sys
from ctypes import wintypes
open_file = ctypes.windll.kernel32.CreateFileW
open_file.restype = wintypes.HANDLE
handle = open_file(sys.argv[1], 0xC0000000, 0, None, 3, 0, None)  # read and write, shared with nobody, existing
assert handle not in (None, wintypes.HANDLE(-1).value), ctypes.GetLastError()
"""


def test_a_file_that_a_program_keeps_open(windows: Windows, project: Path) -> None:
    """It is busy, by that name, until the program lets it go; nothing is lost."""
    with kept(windows.wine, HOLD, rf"{PROJECT}\word"):
        script = "for try in 'cat /app/word' 'rm /app/word' 'mv /app/word /app/other'; do $try 2>&1; done; ls /app"
        told = in_container(windows, script)
        assert told.lower().count("busy") == 3, told
        assert told.endswith("\nword\n")
    assert in_container(windows, "cat /app/word") == "from Windows"


def test_watchers_see_what_changes_on_windows(windows: Windows, project: Path) -> None:
    """As real events of inotify in the container."""
    name = "watcher"
    compile_program("inotify.c", windows.wine.host_path(PROGRAM))
    options = ("-d", "-i", "--name", name, "-v", f"{PROGRAM}:/inotify:ro", "-v", f"{PROJECT}:/app")
    windows.docker("run", *options, IMAGE, "/inotify", "/app")
    try:
        seen = ""
        end = time.monotonic() + 60
        for number in itertools.count():
            done = windows.wine.run(["cmd", "/c", f"echo {number}> file{number}"], folder=PROJECT)
            assert done.code == 0, done
            seen = windows.docker("logs", name)
            if "CREATE file" in seen:
                break
            assert time.monotonic() < end, seen
    finally:
        windows.docker("rm", "-f", name)


@pytest.mark.parametrize("place", [r"C:\windows", r"C:\windows\system32", "/c/Windows", "C:\\", r"\\server\share"])
def test_what_is_not_shared_is_refused(windows: Windows, place: str) -> None:
    """Never the machine's own folder of that name."""
    mount = f"type=bind,source={place},target=/x"
    done = windows.wine.run([DOCKER, "run", "--rm", "--mount", mount, IMAGE, "ls", "/x"])
    assert done.code not in (0, 1), done
    assert "shar" in done.errors, done


def test_nothing_beside_the_share_by_a_link(windows: Windows, project: Path) -> None:
    r"""A junction to C:\windows, as every user of Windows may make one."""
    made = windows.wine.run(["cmd", "/c", "mklink", "/J", rf"{PROJECT}\link", r"C:\windows"])
    if made.code != 0 or not (project / "link").exists():
        pytest.skip("Wine's cmd makes no junctions")
    done = windows.wine.run([DOCKER, "run", "--rm", "-v", rf"{PROJECT}\link:/x", IMAGE, "ls", "/x"])
    assert done.code not in (0, 1), done
    assert "system32" not in in_container(windows, "ls /app/link 2>&1; :").lower()
