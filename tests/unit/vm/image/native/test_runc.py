"""What runc looks at before a container's program runs: the mounts that are named, and what is there."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.unit.guest_program import NATIVE, compile_guest_program, compile_sources

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="programs of the guest's")

SECONDS = 60
PEERS = Path(__file__).parent / "peers"

some = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(texts, below, max_size=3),
)
mounts = st.fixed_dictionaries(
    {"source": texts, "destination": texts}, optional={"options": values, "type": texts}
)
others = st.dictionaries(texts.filter(lambda key: key not in ("source", "destination")), values, max_size=2)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("runc") / "runc_mounts"
    return compile_sources([PEERS / "runc_mounts.c", NATIVE / "runc_mounts.c"], made)


def read(program: Path, config: bytes) -> list[tuple[str, str]] | None:
    """Sources and destinations; None: it is malformed."""
    done = subprocess.run([program], input=config, capture_output=True, check=False, timeout=SECONDS)
    assert not done.stderr
    words = done.stdout.decode().split("\0")[:-1]
    return list(zip(words[::2], words[1::2], strict=True)) if done.returncode == 0 else None


@some
@given(others, st.lists(mounts | others, max_size=4), st.booleans(), st.sampled_from([None, 1, "\t"]))
@example({}, [{"source": "/ü\U0001f433", "destination": '/"\\\b\f\n\r\t\x7f/'}], True, None)
def test_they_are_those_of_json(
    program: Path, config: dict[str, Any], named: list[dict[str, Any]], ascii_only: bool, indent: Any
) -> None:
    whole = {**config, "mounts": named, "after": config}
    found = read(program, json.dumps(whole, ensure_ascii=ascii_only, indent=indent).encode())
    assert found == [(one["source"], one["destination"]) for one in named if "source" in one]


@pytest.mark.parametrize(
    "config", [b"{}", b'{"mounts": null}', b'{"mounts": []}', b'{"mount": [{}]}', b"[]", b"1"]
)
def test_without_any(program: Path, config: bytes) -> None:
    assert read(program, config) == []


@pytest.mark.parametrize(
    "config", [b"", b"{", b'{"mounts": [{"source": "/a", "destination": "/b"}', b"{}x", b'{"a" 1}', b'{"a": "\n"}']
)
def test_what_is_malformed(program: Path, config: bytes) -> None:
    assert read(program, config) is None


def test_half_a_character(program: Path) -> None:
    config = b'{"mounts": [{"source": "/\\ud800x", "destination": "/\\udc00\\ud83d\\ude00"}]}'
    assert read(program, config) == [("/\ufffdx", "/\ufffd\U0001f600")]


def test_a_path_that_is_too_long_is_cut(program: Path) -> None:
    """No file system takes it either."""
    config = {"mounts": [{"source": "/" + "x" * 5000, "destination": "/d"}]}
    assert read(program, json.dumps(config).encode()) == [("/" + "x" * 4094, "/d")]


# -- the whole program, with a shell script in place of runc ------------------------------------------------------


class Wrapper:
    """Our runc. :ivar log: where containerd looks for errors."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log.json"
        places = {"RUNC": folder / "runc", "SHARES": folder / "folders.d"}
        options = [f'-D{name}="{place}"' for name, place in places.items()]
        self._program = compile_guest_program("bin/runc", folder / "made", options)

    def script(self, text: str) -> None:
        path = self.folder / "runc"
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    @contextmanager
    def creating(self, destination: str) -> Iterator[subprocess.Popen[str]]:
        """Create a container that mounts a shared folder there."""
        mounts = [{"source": "/shared/one", "destination": destination}]
        (self.folder / "config.json").write_text(json.dumps({"mounts": mounts}))
        options = ("--bundle", self.folder, "--pid-file", self.folder / "pid")
        argv = (self._program, "--log", self.log, "create", *options, "name")
        with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True) as process:
            try:
                yield process
            finally:
                process.kill()


@pytest.fixture(scope="module")
def wrapper(tmp_path_factory: pytest.TempPathFactory) -> Wrapper:
    folder = tmp_path_factory.mktemp("wrapper")
    for name in ("made", "folders.d"):
        (folder / name).mkdir()
    (folder / "folders.d" / "1.place").write_text("/shared")
    return Wrapper(folder)


@pytest.mark.parametrize(
    ("destination", "reason"),
    [
        ("/", "what would be mounted at / is no longer in the shared folder"),
        ("/no/such", "Slipway cannot see what is mounted at /no/such: No such file or directory"),
        ("/proc/version/x", "Slipway cannot see what is mounted at /proc/version/x: Not a directory"),
    ],
)
def test_a_container_without_its_mounts_is_undone(wrapper: Wrapper, destination: str, reason: str) -> None:
    """And containerd gets to know what is wrong."""
    wrapper.log.unlink(missing_ok=True)
    said = wrapper.folder / "said"
    pid = wrapper.folder / "pid"
    wrapper.script(f'case "$*" in *create*) echo {os.getpid()} >{pid} ;; *) echo "$@" >{said} ;; esac')
    with wrapper.creating(destination) as process:
        _, errors = process.communicate(timeout=SECONDS)
    assert errors == f"{reason}\n"
    assert process.returncode == 1
    assert json.loads(wrapper.log.read_text())["msg"] == reason
    assert said.read_text().split() == ["--log", str(wrapper.log), "delete", "--force", "name"]


def test_a_container_that_is_not_there_is_undone(wrapper: Wrapper) -> None:
    wrapper.script(f"echo 0 >{wrapper.folder}/pid")
    with wrapper.creating("/x") as process:
        _, errors = process.communicate(timeout=SECONDS)
    assert errors == "Slipway cannot see what the container has mounted: No such file or directory\n"


def test_runc_ends_with_the_program_that_containerd_ends(wrapper: Wrapper) -> None:
    fifo = wrapper.folder / "fifo"
    os.mkfifo(fifo)
    wrapper.script(f"exec 3>{fifo}\necho $$ >&3\nexec sleep 1000")
    with wrapper.creating("/x") as process, fifo.open("rb", buffering=0) as runc:
        number = int(runc.readline())
        ended = select.poll()
        ended.register(runc, 0)
        assert not ended.poll(0)
        process.kill()
        gone = ended.poll(SECONDS * 1000)
        if not gone:
            os.kill(number, signal.SIGKILL)
        assert gone


def test_renames_do_not_hide_what_is_mounted(tmp_path: Path) -> None:
    """Where a path has ".." the kernel gives up at each rename on the whole machine."""
    sources = [PEERS / "runc_destinations.c", NATIVE / "runc_mounts.c"]
    program = compile_sources(sources, tmp_path / "runc_destinations")
    root = tmp_path / "root"
    for name in ("a", "b"):
        (root / name).mkdir(parents=True)
    (root / "x").touch()
    done = subprocess.run([program, root], capture_output=True, text=True, check=True, timeout=SECONDS * 2)
    disturbed, failed = map(int, done.stdout.split())
    assert disturbed, done.stderr
    assert failed == 0
