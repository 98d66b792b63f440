"""Cases for programs that outlive their starter, run by Windows' own Python: ``python program_cases.py``.

They need nothing but the package. test_programs.py runs them under Wine; they can be run on Windows as well.
"""

from __future__ import annotations

import ctypes
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from ctypes import wintypes
from pathlib import Path

import psutil

from vm.host import host, programs

assert sys.platform == "win32"

KILL_ON_CLOSE, BREAKAWAY, SILENT_BREAKAWAY = 0x2000, 0x800, 0x1000
EXTENDED_LIMITS = 9
"""Of SetInformationJobObject (winnt.h)."""

SECONDS = 60.0


class Limits(ctypes.Structure):
    """JOBOBJECT_EXTENDED_LIMIT_INFORMATION, of which the flags are used."""

    _fields_ = (
        ("times", ctypes.c_int64 * 2),
        ("flags", wintypes.DWORD),
        ("rest", ctypes.c_size_t * 15),
    )


_kernel = ctypes.WinDLL("kernel32", use_last_error=True)
_kernel.CreateJobObjectW.restype = wintypes.HANDLE
_kernel.CreateJobObjectW.argtypes = [ctypes.c_void_p, wintypes.LPCWSTR]
_kernel.SetInformationJobObject.argtypes = [wintypes.HANDLE, ctypes.c_int, ctypes.c_void_p, wintypes.DWORD]
_kernel.AssignProcessToJobObject.argtypes = [wintypes.HANDLE, wintypes.HANDLE]
_kernel.TerminateJobObject.argtypes = [wintypes.HANDLE, wintypes.UINT]

STARTS = """
import subprocess, sys
from pathlib import Path
from vm.host import host, programs
sys.stdin.readline()
with open(sys.argv[1], "wb") as output:
    print(programs.detached(
        [sys.executable, "-c", "import time; print('here', flush=True); time.sleep(600)"], host().spawn_flags(),
        stdin=subprocess.DEVNULL, stdout=output, stderr=output,
    ).pid, flush=True)
sys.stdin.readline()
"""
"""A program that starts one which is to outlive it, once it is told to."""


class Starter:
    """That program. :ivar pid: of the program that it has started.    :ivar process: its own."""

    def __init__(self, folder: Path, flags: int | None = None) -> None:
        self.output = folder / "output"
        argv = [sys.executable, "-c", STARTS, str(self.output)]
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._job = None if flags is None else self._put_into_job(flags)
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(b"start\n")
        self.process.stdin.flush()
        self.pid = int(self.process.stdout.readline())
        wait_for(lambda: self.output.read_bytes().startswith(b"here"))

    def _put_into_job(self, flags: int) -> int:
        job: int = _kernel.CreateJobObjectW(None, None)
        limits = Limits(flags=flags)
        if not _kernel.SetInformationJobObject(job, EXTENDED_LIMITS, ctypes.byref(limits), ctypes.sizeof(limits)):
            raise ctypes.WinError(ctypes.get_last_error())
        if not _kernel.AssignProcessToJobObject(job, int(self.process._handle)):  # type: ignore[attr-defined]  # noqa: SLF001 - its only handle
            raise ctypes.WinError(ctypes.get_last_error())
        return job

    def end_with_its_job(self) -> None:
        """End the starter, and with it whatever is in its job."""
        assert self._job is not None
        assert _kernel.TerminateJobObject(self._job, 1)
        self.process.wait(SECONDS)

    def ended(self, seconds: float) -> bool:
        """Whether the program that it has started ends within so many seconds."""
        gone, _ = psutil.wait_procs([psutil.Process(self.pid)] if psutil.pid_exists(self.pid) else [], seconds)
        return bool(gone) or not psutil.pid_exists(self.pid)

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()
        if psutil.pid_exists(self.pid):
            psutil.Process(self.pid).kill()
            assert self.ended(SECONDS)


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until it holds, which nothing announces."""
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def outlives(folder: Path, flags: int) -> bool:
    """Whether a program outlives a job with these flags, in which its starter is."""
    starter = Starter(folder, flags)
    try:
        starter.end_with_its_job()
        return not starter.ended(1)
    finally:
        starter.close()


def test_the_end_of_the_starter(folder: Path) -> None:
    starter = Starter(folder)
    try:
        starter.process.kill()
        starter.process.wait(SECONDS)
        assert not starter.ended(1)
    finally:
        starter.close()


def test_a_job_that_may_be_left(folder: Path) -> None:
    assert outlives(folder, KILL_ON_CLOSE | BREAKAWAY)


def test_a_job_that_is_left_by_itself(folder: Path) -> None:
    assert outlives(folder, KILL_ON_CLOSE | SILENT_BREAKAWAY)


def test_a_job_that_may_not_be_left(folder: Path) -> None:
    """The program is started all the same, and ends with the job: nothing else is possible."""
    assert not outlives(folder, KILL_ON_CLOSE)


def test_no_handle_is_inherited(folder: Path) -> None:
    """Who reads all the output of a program that starts one is not kept waiting by the latter."""
    starter = Starter(folder)
    try:
        told, _ = starter.process.communicate(b"end\n", timeout=SECONDS)
        assert told == b""
        assert starter.process.returncode == 0
        assert not starter.ended(0)
    finally:
        starter.close()


def test_no_files_are_kept_open(folder: Path) -> None:
    """A file that the starter has open can be removed once the starter has closed it."""
    with (folder / "file").open("wb"):
        other = programs.detached(
            [sys.executable, "-c", "import time; time.sleep(600)"],
            host().spawn_flags(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    try:
        (folder / "file").unlink()
        assert other.poll() is None
    finally:
        other.kill()
        other.wait(SECONDS)


def main() -> int:
    """Run those whose name has one of the arguments in it, or all; how many failed."""
    failed = 0
    for name, run in [(name, value) for name, value in globals().items() if name.startswith("test_")]:
        if len(sys.argv) > 1 and not any(word in name for word in sys.argv[1:]):
            continue
        with tempfile.TemporaryDirectory() as folder:
            try:
                run(Path(folder))
            except Exception:  # noqa: BLE001 - each is reported, and the others are run
                failed += 1
                print(f"FAILED {name}\n{traceback.format_exc()}", flush=True)
            else:
                print(f"passed {name}", flush=True)
    return failed


if __name__ == "__main__":
    raise SystemExit(main())
