"""The record of a running QEMU: what it tolerates, and how it is found again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vm.host import host
from vm.host.paths import Paths
from vm.qemu.record import Record, find_record, from_command_line

RECORD = Record(7, "b:1", 4022, "/q", "/c", "f00d", "tcg", 1.5, "/l", {"one": [8, "b:2"]}, {"one": [1, 2]}, "why")


def test_it_survives_the_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "qemu.json"
    RECORD.write(path)
    assert Record.read(path) == RECORD
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_is_not_known_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "qemu.json"
    RECORD.write(path)
    values = json.loads(path.read_text())
    path.write_text(json.dumps({**values, "schema": 2, "saved": [1, 2, 3]}))
    assert Record.read(path) == RECORD
    for optional in ("schema", "image", "started", "link_socket", "shares", "roots", "unshared"):
        del values[optional]
    path.write_text(json.dumps(values))
    assert Record.read(path) == Record(7, "b:1", 4022, "/q", "/c", "", "tcg", 0.0)


@pytest.mark.parametrize(
    "change",
    [
        {"pid": "x"},
        {"pid": None},
        {"birth": 3},
        {"accelerator": "warp"},
        {"started": "yesterday"},
        {"shares": {"one": 3}},
        {"shares": []},
        {"roots": {"one": ["x"]}},
    ],
)
def test_a_record_that_cannot_be_understood(tmp_path: Path, change: dict[str, object]) -> None:
    path = tmp_path / "qemu.json"
    RECORD.write(path)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    assert Record.read(path) is None


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"pid": 1}', "{"])
def test_garbage_without_a_qemu(tmp_path: Path, text: str) -> None:
    paths = Paths(tmp_path, tmp_path)
    paths.prepare()
    assert find_record(paths, host()) is None
    paths.qemu_record.write_text(text)
    assert Record.read(paths.qemu_record) is None
    assert find_record(paths, host()) is None


def test_the_command_line_tells_all_but_the_servers_of_folders() -> None:
    paths = Paths(Path("/home/ada/.slipway"), Path("/cache"))
    golden = Path(__file__).parents[3] / "golden" / "qemu" / "linux-kvm-amd64-7.2-shares.txt"
    argv = [word for line in golden.read_text().splitlines() for word in line.split(" ", 1)]
    found = from_command_line(7, "b:1", argv, paths, started=3.0)
    assert found == Record(
        pid=7,
        birth="b:1",
        ssh_port=40022,
        qmp_socket="/home/ada/.slipway/run/qmp.sock",
        control_socket="/home/ada/.slipway/run/guest.sock",
        image="0123abcd",
        accelerator="kvm",
        started=3.0,
        link_socket="/home/ada/.slipway/run/link.sock",
        shares={"0123456789abcdef": [0, ""], "fedcba9876543210": [0, ""]},
    )
