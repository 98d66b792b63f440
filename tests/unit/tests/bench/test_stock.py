"""The stock machine gets the same computer as Slipway's, and its end is noticed at once."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.bench import boots, stock
from tests.bench.report import Report
from tests.bench.stock import PeerEnded, StockImage, StockMachine, computer_options

GOLDEN = Path(__file__).parents[3] / "golden" / "qemu" / "linux-kvm-amd64-7.2-shares.txt"
"""QEMU's command line where virtiofs is used, an option with its value on each line."""


def test_a_memory_that_is_referred_to_is_there() -> None:
    """As with virtiofs: without its object QEMU ends at once."""
    options = computer_options(GOLDEN.read_text().split())
    assert "memory-backend=memory" in options
    (memory,) = (word for word in options if word.startswith("memory-backend-memfd"))
    assert "id=memory" in memory
    assert not [word for word in options if "rng" in word or "virtio" in word or "chardev" in word]


@pytest.fixture
def image(tmp_path: Path) -> StockImage:
    folder = tmp_path / "image"
    folder.mkdir()
    (folder / "host.pub").write_text("ssh-ed25519 AAAA host\n")
    return StockImage(folder)


def qemu(tmp_path: Path, script: str) -> list[str]:
    program = tmp_path / "qemu"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return [str(program)]


def test_its_end_is_noticed_with_what_it_said(image: StockImage, tmp_path: Path) -> None:
    argv = qemu(tmp_path, "echo 'memory backend not found' >&2; exit 1")
    began = time.monotonic()
    with (
        StockMachine(image, argv) as machine,
        pytest.raises(PeerEnded, match=r"code 1\): memory backend not found"),
    ):
        machine.await_api()
    assert time.monotonic() - began < 30


def test_a_peer_that_never_boots_costs_its_own_figures(
    image: StockImage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three tries for each boot; Slipway's figures are there without a ratio."""
    log = tmp_path / "starts"
    argv = qemu(tmp_path, f"echo x >>{log}; exit 1")
    monkeypatch.setattr(stock, "find_or_build", lambda *_: image)
    monkeypatch.setattr(boots, "Connection", Answers)
    report = Report()
    boots.measure(Subject(argv), report, 2, lambda text: None)  # type: ignore[arg-type]  # as much as is used
    assert log.read_text() == "x\n" * 6
    (row,) = report.rows
    assert (row.theirs, row.ratio, len(row.our_samples)) == (None, None, 2)
    assert [failure.partition(":")[0] for failure in report.failures] == [
        "boot 1 of stock Debian",
        "boot 2 of stock Debian",
    ]


class Answers:
    """An engine that answers."""

    def __init__(self, place: object) -> None:
        self.place = place

    def __enter__(self) -> Answers:
        return self

    def __exit__(self, *_: object) -> None: ...

    def ask(self, method: str, target: str) -> bytes:
        return b"OK"


class Subject:
    """A machine that starts at once."""

    socket = Path("/none")

    def __init__(self, argv: list[str]) -> None:
        self.qemu = self
        self._argv = argv

    def cmdline(self) -> list[str]:
        return self._argv

    def slipway(self, *words: str) -> str:
        return ""

    def status(self) -> dict[str, object]:
        boot = {"total": 1.0, "stages": [{"name": "api", "seconds": 1.0, "took": 1.0}]}
        return {"boots": [boot] * 3}
