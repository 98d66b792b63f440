"""The Wine system itself: programs run in it with what they are given, and end with it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from installers.checkout.environment import ROOT
from tests.wine.namespaces import Namespaces
from tests.wine.prefix import fresh_prefix
from tests.wine.system import FOLDER_NAME, PROGRAM_FILES, WineSystem, remove_leftovers


@pytest.fixture(scope="module")
def wine() -> Iterator[WineSystem]:
    """A Windows without Slipway."""
    with WineSystem(fresh_prefix()) as made:
        yield made


def test_a_programs_output_and_exit_code_come_back(wine: WineSystem) -> None:
    done = wine.run(["cmd", "/c", "echo out & echo err 1>&2 & exit 7"])
    assert (done.code, done.output.strip(), done.errors.strip()) == (7, "out", "err")


def test_it_is_given_input_variables_and_a_folder(wine: WineSystem) -> None:
    (wine.drive_c / "asked").mkdir()
    done = wine.run(
        ["cmd", "/v:on", "/c", "set /p WORD= & echo !WORD! %COLOUR% & cd"],
        environment={"COLOUR": "blue"},
        folder=r"C:\asked",
        given=b"hello\r\n",
    )
    assert done.output.split() == ["hello", "blue", r"C:\asked"]


def test_the_drive_is_readable_and_writable_from_here(wine: WineSystem) -> None:
    (wine.drive_c / "from here.txt").write_text("here")
    done = wine.run(["cmd", "/c", "copy", r"C:\from here.txt", r"C:\there.txt"])
    assert done.code == 0, done
    assert wine.host_path(r"C:\there.txt").read_text() == "here"


def test_a_new_drive_shares_no_file_that_changes(wine: WineSystem) -> None:
    linked = [path for path in fresh_prefix().rglob("*") if path.is_file() and path.stat().st_nlink > 1]
    assert linked
    assert {path.suffix for path in linked} <= set(PROGRAM_FILES)
    before = (fresh_prefix() / "user.reg").read_bytes()
    assert wine.run(["reg", "add", r"HKCU\Software\Slipway", "/v", "tried", "/d", "yes"]).code == 0
    assert wine.run(["reg", "query", r"HKCU\Software\Slipway"]).output.split()[-1] == "yes"
    assert (fresh_prefix() / "user.reg").read_bytes() == before


def test_what_the_host_refuses_is_explained(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"namespaces(.|\n)*mount"):
        Namespaces(tmp_path / "missing", tmp_path, tmp_path, {})


def test_what_it_is_too_slow_for_is_killed(wine: WineSystem) -> None:
    with pytest.raises(AssertionError, match="took more than 1 s"):
        wine.run(["notepad"], seconds=1)


def descendants() -> set[psutil.Process]:
    """All processes that come from this one."""
    return set(psutil.Process().children(recursive=True))


def test_nothing_is_left_of_it() -> None:
    before = descendants()
    with WineSystem(fresh_prefix()) as wine:
        running = wine.popen(["notepad"])
        root = wine.drive_c.parents[2]
        assert wine.run(["cmd", "/c", "exit"]).code == 0
        ours = descendants() - before
        assert len(ours) > 10  # the namespaces', the screen, Wine's server, and Windows' services
    assert running.wait() != 0
    assert [process for process in ours if process.is_running()] == []
    assert not root.exists()
    assert str(root) not in Path("/proc/self/mountinfo").read_text()


KILLED = """
from tests.wine.prefix import fresh_prefix
from tests.wine.system import WineSystem

wine = WineSystem(fresh_prefix())
wine.popen(["notepad"])
print(wine.drive_c, flush=True)
input()
"""


def test_nothing_runs_on_when_the_tests_are_killed() -> None:
    argv = [sys.executable, "-c", KILLED]
    before = descendants()
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout
        folder = Path(process.stdout.readline().strip()).parents[2]
        assert folder.name.startswith(FOLDER_NAME)
        ours = descendants() - before
        process.kill()
    gone, alive = psutil.wait_procs(ours, timeout=20)
    assert len(gone) > 4
    assert not alive
    assert folder.exists()
    remove_leftovers()
    assert not folder.exists()


def test_two_do_not_see_each_other(wine: WineSystem) -> None:
    with WineSystem(fresh_prefix()) as other:
        assert other.display != wine.display
        (other.drive_c / "mine.txt").touch()
        assert other.run(["cmd", "/c", "dir", "/b", r"C:\mine.txt"]).code == 0
        assert wine.run(["cmd", "/c", "dir", "/b", r"C:\mine.txt"]).code != 0


def test_a_program_is_killed_alone(wine: WineSystem) -> None:
    one, other = wine.popen(["notepad"]), wine.popen(["notepad"])
    assert one.is_running()
    one.kill()
    assert not one.is_running()
    assert other.is_running()
    other.kill()
