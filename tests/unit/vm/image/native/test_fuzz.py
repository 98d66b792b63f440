"""Each parser of the guest's programs takes any bytes: fuzz targets, run briefly with the same random numbers.

``SLIPWAY_FUZZ_SECONDS=600`` lets each one run for longer.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.unit.guest_program import NATIVE, compile_sources
from tests.unit.vm.image.native import fuzz_seeds

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="programs of the guest's")

FUZZ = Path(__file__).parent / "fuzz"
SECONDS = float(os.environ.get("SLIPWAY_FUZZ_SECONDS", "2"))
COVERAGE = ("-fsanitize-coverage=trace-pc", "-fno-pie", "-no-pie")
SHORTEST = 1000
"""Inputs that even a slow computer runs in the time."""


@dataclass(frozen=True)
class Target:
    """What a target is linked with.

    :ivar sources: below ``vm/image/native``; what the target includes itself is not among them.
    :ivar wrapped: functions that the target replaces.    :ivar options: for the compiler.
    """

    seeds: Callable[[], list[bytes]]
    sources: tuple[str, ...] = ()
    wrapped: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


REPLAY = ("replay_calls.c", "replay_echo.c", "replay_event.c", "replay_lease.c", "replay_skip.c", "replay_state.c")

TARGETS = {
    "datagrams": Target(fuzz_seeds.datagrams, ("datagrams.c",)),
    "dns_hosts": Target(fuzz_seeds.dns_hosts, ("dns_hosts.c",)),
    "dns_message": Target(fuzz_seeds.dns_message, ("dns_message.c",)),
    "dns_peer": Target(fuzz_seeds.dns_peer, ("dns_peer.c", "dns_message.c")),
    "listening": Target(fuzz_seeds.listening),
    "owners": Target(fuzz_seeds.owners, ("owners.c", "owner_tree.c")),
    "publish": Target(fuzz_seeds.publish, wrapped=("exit",)),
    "replay": Target(fuzz_seeds.replay, (*REPLAY, "times.c", "watches.c"), wrapped=("mount", "read_event")),
    "runc_mounts": Target(fuzz_seeds.runc_mounts, ("runc_mounts.c",)),
    "session": Target(
        fuzz_seeds.session,
        ("session.c", "stream.c", "dial.c", "datagrams.c"),
        wrapped=("connect", "posix_spawn"),
        libraries=("nghttp2",),
        options=("-DORPHAN_SECONDS=0",),
    ),
    "sftp_answers": Target(fuzz_seeds.sftp_answers, ("sftp_answers.c",)),
    "sftp_session": Target(fuzz_seeds.sftp_session, ("sftp_session.c",)),
    "watches": Target(fuzz_seeds.watches, ("watches.c", "times.c")),
}


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program that runs a target, without its ``LLVMFuzzerTestOneInput``."""
    return compile_sources([FUZZ / "driver.c"], tmp_path_factory.mktemp("fuzz") / "driver.o", ("-c", "-fno-pie"))


@pytest.mark.parametrize("name", TARGETS)
def test_a_parser_takes_any_bytes(driver: Path, name: str, tmp_path: Path) -> None:
    target = TARGETS[name]
    options = [*COVERAGE, *target.options, *(f"-Wl,--wrap={function}" for function in target.wrapped)]
    sources = [FUZZ / f"{name}.c", driver, *(NATIVE / source for source in target.sources)]
    program = compile_sources(sources, tmp_path / name, options, target.libraries)
    seeds = [tmp_path / f"seed-{number}" for number in range(len(target.seeds()))]
    for path, seed in zip(seeds, target.seeds(), strict=True):
        path.write_bytes(seed)
    crash = tmp_path / "crash"
    done = subprocess.run(
        [program, str(SECONDS), crash, *seeds], capture_output=True, text=True, check=False, timeout=SECONDS + 300
    )
    assert done.returncode == 0, f"{input_of(crash)!r}\n{done.stderr[-6000:]}"
    assert int(done.stdout.split()[0]) >= SHORTEST * min(SECONDS, 1), done.stdout


def input_of(crash: Path) -> bytes:
    """The input that a target ended with."""
    if not crash.exists():
        return b""
    data = crash.read_bytes()
    return data[4 : 4 + int.from_bytes(data[:4], sys.byteorder)]
