"""The lock that makes a process the only one of its kind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from desktop.control.lock import InstanceLock, holder, is_held, written

HOLD = """
import sys
from pathlib import Path
from desktop.control.lock import InstanceLock
assert InstanceLock(Path(sys.argv[1])).acquire()
print("held", flush=True)
sys.stdin.read()
"""


def test_one_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not is_held(path)
    first, second = InstanceLock(path), InstanceLock(path)
    assert first.acquire()
    assert first.acquire()
    assert is_held(path)
    assert holder(path) == os.getpid()
    assert not second.acquire()
    first.write("more")
    assert (holder(path), written(path)) == (os.getpid(), "more")
    first.write("")
    assert (holder(path), written(path)) == (os.getpid(), "")
    first.release()
    first.release()
    assert not is_held(path)
    assert second.acquire()
    second.release()


def test_it_goes_with_its_process(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    argv = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[4]
    ) as held:
        assert held.stdout is not None
        assert held.stdout.readline() == b"held\n"
        assert is_held(path)
        assert holder(path) == held.pid
        held.kill()
    assert not is_held(path)


def test_a_holder_that_is_not_known(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert holder(path) is None
    assert written(path) == ""
    path.write_text("")
    assert holder(path) is None
