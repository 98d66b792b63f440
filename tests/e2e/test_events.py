"""Changes made on the host, seen by a real watcher in a container as what they are, once, and soon."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cli import Program
from tests.e2e.conftest import CARRIERS, RunningMachine
from tests.e2e.watching import ContainerWatch, compile_program

pytestmark = pytest.mark.machine

BOTH_WAYS = pytest.mark.parametrize("folder", CARRIERS, indirect=True)

QUIET_SECONDS = 3.0
"""For an echo to come, if there were one."""


@pytest.fixture(scope="module")
def program(machine: RunningMachine, shared_folder: Path) -> Path:
    return compile_program("inotify.c", shared_folder / "inotify")


@pytest.fixture
def folder(request: pytest.FixtureRequest, shared_folder: Path) -> Iterator[Path]:
    """Carried as folders are on the host, or by SFTP where a test says :data:`BOTH_WAYS`."""
    way = getattr(request, "param", "")
    parent = request.getfixturevalue("late_folder") if way == "sftp" else shared_folder
    made = Path(tempfile.mkdtemp(prefix="ev ü-", dir=parent))
    (made / "old").write_text("old")
    (made / "sub").mkdir()
    yield made
    shutil.rmtree(made)


@pytest.fixture
def watch(docker: Program, busybox: str, program: Path, folder: Path, name: str) -> Iterator[ContainerWatch]:
    """A watcher of /w and /w/sub in a container, which is /w's only user. Its folders are 1 and 2."""
    with ContainerWatch(docker, busybox, program, [f"{folder}:/w"], ["/w", "/w/sub"], name) as running:
        settle(running, folder)
        yield running


def settle(watch: ContainerWatch, folder: Path) -> None:
    """Until changes are followed: the supervisor hears of a container after it has started."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        (folder / "settle").touch()
        if watch.quiet(0.5):
            (folder / "settle").unlink()
            watch.until(lambda lines: "1 DELETE settle" in lines)
            return
    raise AssertionError("changes are not followed")


def within(watch: ContainerWatch, *wanted: str) -> list[str]:
    """The lines until all that are wanted have come."""
    return watch.until(lambda lines: set(wanted) <= set(lines))


@BOTH_WAYS
def test_creating_modifying_moving_deleting_a_file(watch: ContainerWatch, folder: Path) -> None:
    (folder / "new").write_text("one")
    within(watch, "1 CREATE new", "1 MODIFY new", "1 CLOSE_WRITE new")
    with (folder / "new").open("a") as file:
        file.write("two")
    within(watch, "1 MODIFY new", "1 CLOSE_WRITE new")
    (folder / "new").rename(folder / "newer")
    assert within(watch, "1 MOVED_TO newer")[-2:] == ["1 MOVED_FROM new", "1 MOVED_TO newer"]
    (folder / "newer").rename(folder / "sub" / "moved")
    within(watch, "1 MOVED_FROM newer", "2 MOVED_TO moved")
    (folder / "sub" / "moved").unlink()
    within(watch, "2 DELETE moved")


def test_folders_and_links(watch: ContainerWatch, folder: Path) -> None:
    (folder / "made").mkdir()
    within(watch, "1 CREATE made/")
    (folder / "made").rename(folder / "named")
    within(watch, "1 MOVED_FROM made/", "1 MOVED_TO named/")
    (folder / "named").rmdir()
    within(watch, "1 DELETE named/")
    (folder / "link").symlink_to("old")
    within(watch, "1 CREATE link")
    (folder / "link").unlink()
    within(watch, "1 DELETE link")
    shutil.rmtree(folder / "sub")
    within(watch, "2 DELETE_SELF ", "1 DELETE sub/")
    (folder / "sub").mkdir()
    within(watch, "1 CREATE sub/")


@BOTH_WAYS
def test_what_is_seen_is_there(watch: ContainerWatch, docker: Program, folder: Path) -> None:
    """A reader that was told does not find what it had before: name, size, content or list of names."""
    for number in range(5):
        text = "x" * number * 1000 + str(number)
        (folder / "old").write_text(text)
        (folder / f"file{number}").touch()
        within(watch, "1 MODIFY old", f"1 CREATE file{number}")
        read = docker("exec", watch.name, "sh", "-c", "cat /w/old; echo; wc -c </w/old; ls /w")
        content, size, *names = read.split("\n")
        assert content == text
        assert int(size) == len(text)
        assert names == sorted(entry.name for entry in folder.iterdir())


def test_names_are_listed_right_after_the_event(watch: ContainerWatch, folder: Path) -> None:
    """Programs notified of one name often look for others; what they found a moment ago must not be kept."""
    for number in range(10):
        (folder / "a").touch()
        within(watch, "1 CREATE a")
        watch.say("ls /w")
        assert "a" in watch.until(bool)[-1].split(), number
        (folder / "a").unlink()
        within(watch, "1 DELETE a")
        watch.say("ls /w")
        assert sorted(watch.until(bool)[-1].split()) == ["old", "sub"], number


@BOTH_WAYS
def test_all_that_is_told_of_a_file_is_true_right_after_the_event(watch: ContainerWatch, folder: Path) -> None:
    """What follows a log, copies or builds goes by inode numbers and blocks too, which the change did not tell."""

    def looked() -> list[str]:
        watch.say("stat /w/old")
        return watch.until(bool)[-1].split()

    number, _, blocks = looked()
    for size in (10, 20):
        (folder / "old").write_text("x" * size)
        within(watch, "1 CLOSE_WRITE old")
        assert looked() == [number, str(size), blocks]
    if brought_by_virtiofs(number, folder / "old"):
        (folder / "new").write_text("new")
        (folder / "new").rename(folder / "old")
        within(watch, "1 MOVED_TO old")
        assert looked() == [str((folder / "old").stat().st_ino), "3", blocks]


def brought_by_virtiofs(number: str, file: Path) -> bool:
    """Only it brings the host's own inode numbers."""
    return int(number) == file.stat().st_ino


@BOTH_WAYS
def test_an_editor_that_replaces_the_file(watch: ContainerWatch, docker: Program, folder: Path) -> None:
    for number in range(3):
        (folder / ".old.swp").write_text(f"version {number}")
        (folder / ".old.swp").replace(folder / "old")
        within(watch, "1 MOVED_TO old")
        assert docker("exec", watch.name, "cat", "/w/old") == f"version {number}"


@BOTH_WAYS
def test_a_container_hears_its_own_changes_once(watch: ContainerWatch, docker: Program, folder: Path) -> None:
    script = """
        echo a >/w/a; echo b >>/w/a; mv /w/a /w/b; rm /w/b; mkdir /w/d; mv /w/d /w/e; rmdir /w/e
        i=0; while [ $i -lt 20 ]; do echo $i >/w/f$i; mv /w/f$i /w/old; i=$((i+1)); done; chmod 600 /w/old
        mkdir /w/g; echo g >/w/g/g; mv /w/g /w/h; mv /w/h /w/g; echo r >/w/r; chown 70:70 /w/g/g /w/r
        i=0; while [ $i -lt 20 ]; do rm /w/r; echo $i >/w/r; chown 70:70 /w/r; i=$((i+1)); done
    """
    docker("exec", watch.name, "sh", "-c", script)
    lines = watch.quiet(QUIET_SECONDS)
    assert lines.count("1 CREATE a") == 1
    assert lines.count("1 MOVED_FROM a") == lines.count("1 MOVED_TO b") == lines.count("1 DELETE b") == 1
    assert lines.count("1 CREATE d/") == lines.count("1 DELETE e/") == 1
    assert lines.count("1 MOVED_TO old") == 20
    assert sum(line.startswith("1 CREATE f") for line in lines) == 20
    assert lines.count("1 MOVED_TO h/") == lines.count("1 MOVED_TO g/") == lines.count("1 CREATE g/") == 1
    assert lines.count("1 CREATE r") == 21
    assert lines.count("1 DELETE r") == 20
    assert "1 DELETE g/" not in lines
    assert docker("exec", watch.name, "stat", "-c", "%u", "/w/g/g", "/w/r") == "70\n70", "owners are kept"
    assert sorted(entry.name for entry in folder.iterdir()) == ["g", "old", "r", "sub"]


def test_changes_of_both_sides_by_turns(watch: ContainerWatch, docker: Program, folder: Path) -> None:
    """What a container does to a file does not hide what the host does to it a moment later."""
    for number in range(3):
        docker("exec", watch.name, "sh", "-c", f"echo container {number} >/w/old")
        watch.quiet(1.0)
        (folder / "old").write_text(f"host {number}")
        within(watch, "1 MODIFY old")
        assert docker("exec", watch.name, "cat", "/w/old") == f"host {number}"


def test_a_file_that_is_mounted_alone(
    docker: Program, busybox: str, program: Path, folder: Path, name: str
) -> None:
    """An editor may replace it: it is reported as modified, and the container reads what is there now."""
    with ContainerWatch(docker, busybox, program, [f"{folder}/old:/config"], ["/config"], name) as watch:
        end = time.monotonic() + 60
        while not watch.quiet(0.5):
            assert time.monotonic() < end
            os.utime(folder / "old")
        for number in range(3):
            (folder / ".new").write_text(f"version {number}")
            (folder / ".new").replace(folder / "old")
            within(watch, "1 MODIFY ")
            assert docker("exec", name, "cat", "/config") == f"version {number}"


def test_many_at_once(watch: ContainerWatch, folder: Path) -> None:
    names = [f"n{number}" for number in range(500)]
    for name in names:
        (folder / name).write_text(name)
    within(watch, *(f"1 CREATE {name}" for name in names))
    for name in names:
        (folder / name).unlink()
    within(watch, *(f"1 DELETE {name}" for name in names))


MANY = 1500
"""Changes at once, of which the last come late: then files without a watcher are left out."""


def left_out(machine: RunningMachine) -> int:
    """How many changes have been, since the machine started: ``left_out`` of vm/image/native/replay.h."""
    place = ("-j", "8", "-N", "8", "/run/slipway/replay")
    return int(machine.slipway("shell", "--", "od", "-A", "n", "-t", "d8", *place))


@pytest.mark.parametrize(("folder", "options"), [("virtiofs", []), ("sftp", ["-t"])], indirect=["folder"])
def test_a_file_that_is_watched_amid_many_changes_that_nobody_watches(
    machine: RunningMachine,
    docker: Program,
    busybox: str,
    program: Path,
    folder: Path,
    name: str,
    options: list[str],
) -> None:
    """By a program whose first thread has ended as well (``-t``)."""
    before = left_out(machine)
    (folder / "other").mkdir()
    (folder / "other" / "single").write_text("before")
    watched = [*options, "/w", "/w/other/single"]
    with ContainerWatch(docker, busybox, program, [f"{folder}:/w"], watched, name) as watch:
        settle(watch, folder)
        for number in range(MANY):
            (folder / f"n{number}").touch()
            (folder / "other" / f"n{number % 100}").write_text(f"version {number}")
        (folder / "other" / "single").write_text("after")
        (folder / "last").touch()
        lines = within(watch, "2 MODIFY ", "1 CREATE last")
        assert left_out(machine) > before
        assert sum(line.startswith("1 CREATE n") for line in lines) == MANY
        (folder / "other" / "single").unlink()
        within(watch, "2 DELETE_SELF ")
        read = docker("exec", name, "sh", "-c", "cat /w/other/n*")
        assert read == "".join(f"version {MANY - 100 + number}" for number in sorted(range(100), key=str))


@BOTH_WAYS
def test_what_was_left_out_is_as_the_host_has_it(
    machine: RunningMachine, docker: Program, busybox: str, program: Path, folder: Path, name: str
) -> None:
    """A program that begins to watch after many changes gets the next ones; an owner goes with the file."""
    before = left_out(machine)
    other = folder / "other"
    other.mkdir()
    files = [other / f"n{number}" for number in range(100)]
    for file in files:
        file.write_text("before")
    with ContainerWatch(docker, busybox, program, [f"{folder}:/w"], ["/w"], name) as watch:
        settle(watch, folder)
        docker("exec", name, "sh", "-c", "rm /w/other/n1 && cat /w/other/n*")
        docker("exec", name, "chown", "1000:1000", "/w/other/n3")
        for number in range(MANY):
            (folder / f"n{number}").touch()
        files[1].write_text("made again")
        for file in files[2:]:
            file.unlink()
        files[3].write_text("another")
        (folder / "last").touch()
        within(watch, "1 CREATE last")
        with ContainerWatch(docker, busybox, program, [f"{other}:/w"], ["/w"], f"{name}-late") as late:
            settle(late, other)
            assert docker("exec", name, "sh", "-c", "cd /w/other && ls && stat -c %u n3") == "n0\nn1\nn3\n0"
            assert left_out(machine) > before
            files[0].write_text("after")
            files[1].unlink()
            files[2].write_text("after")
            within(late, "1 MODIFY n0", "1 DELETE n1", "1 CREATE n2", "1 CLOSE_WRITE n2")


def test_a_link_in_the_place_of_a_folder_leads_nowhere(
    watch: ContainerWatch, docker: Program, folder: Path
) -> None:
    """The program in the guest may do anything there, so a container must not make it do so elsewhere."""
    docker("exec", watch.name, "sh", "-c", "rmdir /w/sub && ln -s /etc /w/sub")
    watch.quiet(0.5)
    before = docker("exec", watch.name, "ls", "/etc")
    (folder / "sub").unlink()
    (folder / "sub").mkdir()
    (folder / "sub" / "passwd").touch()
    (folder / "sub" / "passwd").unlink()
    within(watch, "1 CREATE sub/")
    assert docker("exec", watch.name, "ls", "/etc") == before


@BOTH_WAYS
def test_files_that_are_written_anew(watch: ContainerWatch, docker: Program, folder: Path) -> None:
    """The other way editors save: truncate and write."""
    for number in range(3):
        with (folder / "old").open("r+") as file:
            file.truncate()
            file.write(f"version {number}")
            file.flush()
            os.fsync(file.fileno())
        within(watch, "1 MODIFY old", "1 CLOSE_WRITE old")
        assert docker("exec", watch.name, "cat", "/w/old") == f"version {number}"


@BOTH_WAYS
def test_a_checkout_of_many_files(docker: Program, busybox: str, program: Path, folder: Path, name: str) -> None:
    """Each file that git changes, makes and removes is reported, and then has the other branch's content."""
    git = shutil.which("git")
    if git is None:
        pytest.skip("there is no git")

    def run(*words: str) -> None:
        own = ("-c", "user.name=t", "-c", "user.email=t@example.org")
        subprocess.run([git, "-C", folder, *own, *words], check=True, capture_output=True)

    run("init", "-q")
    for branch, numbers in (("one", range(60)), ("two", range(30, 90))):
        run("checkout", "-q", "--orphan", branch)
        for old in folder.glob("f*"):
            old.unlink()
        for number in numbers:
            (folder / f"f{number}").write_text(f"{branch} {number}")
        run("add", "-A")
        run("commit", "-q", "-m", branch)
    with ContainerWatch(docker, busybox, program, [f"{folder}:/w"], ["/w"], name) as watch:
        settle(watch, folder)
        run("checkout", "-q", "one")
        deleted = {f"1 DELETE f{number}" for number in range(60, 90)}
        created = {f"1 CREATE f{number}" for number in range(30)}
        within(watch, *deleted, *created, *(f"1 CLOSE_WRITE f{number}" for number in range(60)))
        read = docker("exec", name, "sh", "-c", "cd /w && ls -d f* | wc -l && cat f0 f45 f59")
        assert read == "60\none 0one 45one 59"


@pytest.mark.slow("100,000 files")
@pytest.mark.timeout(3600)
def test_a_tree_of_a_hundred_thousand_files(
    docker: Program, busybox: str, program: Path, folder: Path, name: str
) -> None:
    for number in range(1000):
        place = folder / f"d{number % 30}" / f"e{number}"
        place.mkdir(parents=True)
        for other in range(100):
            (place / f"f{other}").touch()
    with ContainerWatch(docker, busybox, program, [f"{folder}:/w"], ["/w", "/w/d7/e7"], name) as watch:
        settle(watch, folder)
        (folder / "d7" / "e7" / "f7").write_text("changed")
        within(watch, "2 MODIFY f7")
        shutil.rmtree(folder / "d7" / "e7")
        within(watch, "2 DELETE f99", "2 DELETE_SELF ")
