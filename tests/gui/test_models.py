"""Rows: changed in place, grouped, ordered, searched; and how values are written."""

from __future__ import annotations

import dataclasses

import pytest
from PySide6.QtCore import QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QApplication

from desktop.ui.models import containers, images
from desktop.ui.models.format import age, binary_size, short_id, size
from desktop.ui.models.images import ImageDetails
from desktop.ui.models.records import Column, RecordModel, Row
from desktop.ui.models.run import RunRequest, parse_memory, parse_ports
from desktop.ui.models.stats import Usage
from engine.client.models import Container, Image, Port
from engine.client.registry import reference_trouble

BASE = Container("a" * 64, ("/web",), "nginx", "sha256:1", "run", 100, "running", "Up 2 minutes", (), {}, (), ())


def tree(model: RecordModel) -> list[tuple[str, list[str]]]:
    """Keys of the rows, with those below them, as Qt sees them."""
    found = []
    for number in range(model.rowCount()):
        index = model.index(number, 0)
        below = [model.index(child, 0, index).data() for child in range(model.rowCount(index))]
        found.append((index.data(), below))
    return found


def rows(*names: str, **below: tuple[str, ...]) -> list[Row]:
    return [Row(name, name, tuple(Row(f"{name}/{sub}", sub) for sub in below.get(name, ()))) for name in names]


def test_rows_change_in_place(qapp: QApplication) -> None:
    model = RecordModel([Column("Name", str)])
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    model.update_rows(rows("a", "b", "c", b=("1", "2")))
    kept = model.index(1, 0)
    assert tree(model) == [("a", []), ("b", ["1", "2"]), ("c", [])]
    resets: list[bool] = []
    model.modelReset.connect(lambda: resets.append(True))
    model.update_rows(rows("b", "c", "d", b=("2", "3"), d=("9",)))
    assert tree(model) == [("b", ["2", "3"]), ("c", []), ("d", ["9"])]
    assert model.parent(model.index(0, 0, model.index(2, 0))) == model.index(2, 0)
    model.update_rows([])
    assert tree(model) == []
    assert not resets
    assert kept is not None
    assert tester is not None


def test_only_what_changed_is_told(qapp: QApplication) -> None:
    model = RecordModel([Column("Name", str)])
    model.update_rows([Row("1", "a"), Row("2", "b")])
    told: list[int] = []
    model.dataChanged.connect(lambda first, last: told.append(first.row()))
    model.update_rows([Row("1", "a"), Row("2", "B")])
    assert told == [1]
    assert model.index(1, 0).data() == "B"


def test_a_group_is_kept_when_one_inside_fits(qapp: QApplication) -> None:
    model = RecordModel([Column("Name", str)])
    model.update_rows(rows("shop", "web", shop=("db", "cache")))
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    model.search("DB")
    assert model.rowCount() == 1
    group = model.index(0, 0)
    assert group.data() == "shop"
    assert [model.index(n, 0, group).data() for n in range(model.rowCount(group))] == ["db"]
    model.search("")
    model.keep(lambda record: record == "web")
    assert [model.index(n, 0).data() for n in range(model.rowCount())] == ["web"]
    model.sort(0, Qt.SortOrder.DescendingOrder)
    model.keep(lambda record: True)
    assert [model.index(n, 0, QModelIndex()).data() for n in range(2)] == ["web", "shop"]
    assert [row.key for row in model.rows()] == ["web", "shop"]
    assert tester is not None


def test_containers_are_grouped_by_project() -> None:
    labels = {"com.docker.compose.project": "shop"}
    inside = dataclasses.replace(BASE, id="b" * 64, names=("/shop-db-1",), labels=labels)
    stopped = dataclasses.replace(inside, id="c" * 64, names=("/shop-web-1",), state="exited")
    made = containers.rows([BASE, inside, stopped], {inside.id: Usage(50.0, 10)})
    assert [(row.record.name, [child.record.name for child in row.children]) for row in made] == [
        ("shop", ["shop-db-1", "shop-web-1"]),
        ("web", []),
    ]
    assert made[0].record.status == "1 of 2 running"
    assert made[0].record.usage == Usage(50.0, 10)


@pytest.mark.parametrize(
    ("status", "health"),
    [
        ("Up 2 hours (healthy)", "healthy"),
        ("Up 2 hours (unhealthy)", "unhealthy"),
        ("Up 1 second (health: starting)", "starting"),
        ("Up 2 hours (Paused)", ""),
    ],
)
def test_health_is_read_off_the_status(status: str, health: str) -> None:
    assert containers.line(dataclasses.replace(BASE, status=status)).health == health


def test_ports_are_told_once_for_both_address_families() -> None:
    ports = (
        Port(80, "tcp", "0.0.0.0", 8080),
        Port(80, "tcp", "::", 8080),
        Port(53, "udp", "", 53),
        Port(9, "tcp"),
    )
    line = containers.line(dataclasses.replace(BASE, ports=ports))
    assert [containers.port_text(port) for port in line.ports] == ["53:53/udp", "8080:80"]


def test_an_image_with_tags_is_one_row() -> None:
    image = Image("sha256:1", ("a:1", "a:2", "b:1"), (), 0, 10, 5, 0, {})
    dangling = Image("sha256:2", (), ("a@sha256:77",), 0, 10, 5, 0, {})
    first, second = images.rows([image, dangling], [BASE], {"sha256:1": ImageDetails("linux/arm64", ())})
    assert (first.record.repository, first.record.tag) == ("a and 1 more", "1, 2")
    assert [child.record.reference for child in first.children] == ["a:1", "a:2", "b:1"]
    assert (first.record.users, first.record.platform) == (("web",), "linux/arm64")
    assert second.record.dangling
    assert second.record.repository == "a"


def test_values_are_written_as_docker_does() -> None:
    assert [size(n) for n in (0, 999, 1000, 197_000_000, 1_490_000_000)] == [
        "0 B",
        "999 B",
        "1 kB",
        "197 MB",
        "1.49 GB",
    ]
    assert binary_size(512 * 2**20) == "512 MiB"
    assert [age(100, now) for now in (101, 100 + 60, 100 + 7200, 100 + 86400 * 3, 100 + 86400 * 400)] == [
        "seconds ago",
        "1 minute ago",
        "2 hours ago",
        "3 days ago",
        "1 year ago",
    ]
    assert short_id("sha256:0123456789abcdef") == "0123456789ab"


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("80", [("", "", "80/tcp")]),
        ("8080:80", [("", "8080", "80/tcp")]),
        ("127.0.0.1:5432:5432", [("127.0.0.1", "5432", "5432/tcp")]),
        ("[::1]:53:53/udp", [("::1", "53", "53/udp")]),
        ("8000-8001:80-81", [("", "8000", "80/tcp"), ("", "8001", "81/tcp")]),
        ("80-81/udp", [("", "", "80/udp"), ("", "", "81/udp")]),
        ("8000-8010:80", [("", "8000-8010", "80/tcp")]),
    ],
)
def test_ports_are_read_in_dockers_notation(text: str, parsed: list[tuple[str, str, str]]) -> None:
    assert parse_ports(text) == parsed


@pytest.mark.parametrize("text", ["", "x", "0:80", "80:70000", "80/icmp", "a:b:c", "81-", "81-80", "1-3:1-2"])
def test_what_is_no_port_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a|must be equal"):
        parse_ports(text)


def test_a_run_request_is_a_docker_line_and_an_api_call() -> None:
    request = RunRequest(
        image="nginx:1.29",
        name="web",
        command="sh -c 'echo hi'",
        ports=("8080:80",),
        volumes=("data:/d",),
        environment=("A=b c",),
        network="back",
        restart="always",
        cpus="1.5",
        memory="512m",
        platform="linux/arm64",
        terminal=True,
        remove=True,
    )
    assert request.command_line() == (
        "docker run -it --rm --name web --network back --restart always --cpus 1.5 --memory 512m"
        " --platform linux/arm64 -p 8080:80 -v data:/d -e 'A=b c' nginx:1.29 sh -c 'echo hi'"
    )
    config = request.config()
    assert config["Cmd"] == ["sh", "-c", "echo hi"]
    assert config["HostConfig"]["PortBindings"] == {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}
    assert config["HostConfig"]["NanoCpus"] == 1_500_000_000
    assert config["HostConfig"]["Memory"] == 512 * 2**20
    assert parse_memory("2g") == 2**31


@pytest.mark.parametrize("text", ["", "a b", "Nginx", "Nginx:1", "/a", "host.example/Up:1"])
def test_what_is_no_reference(text: str) -> None:
    assert reference_trouble(text)


@pytest.mark.parametrize(
    "text", ["nginx", "nginx:1.29-RC1", "localhost:5000/a/b:1", f"a@sha256:{64 * '0'}", "ghcr.io/o/n"]
)
def test_references(text: str) -> None:
    assert reference_trouble(text) == ""


def test_rows_are_put_in_order_and_stay_who_they_are() -> None:
    """A changed list moves rows; a row that is held stays the same object."""
    made = RecordModel(
        (Column("Name", lambda item: item[0]), Column("Size", lambda item: "", lambda item: item[1]))
    )
    made.update_rows([Row(name, (name, size)) for name, size in (("b", 1), ("a", 3), ("c", 2))])
    assert [row.key for row in made.rows()] == ["a", "b", "c"]
    held = QPersistentModelIndex(made.index(0, 0))
    made.sort(1, Qt.SortOrder.DescendingOrder)
    assert [row.key for row in made.rows()] == ["a", "c", "b"]
    made.update_rows([Row(name, (name, size)) for name, size in (("d", 9), ("a", 0), ("c", 2))])
    assert [row.key for row in made.rows()] == ["d", "c", "a"]
    assert (held.row(), held.data()) == (2, "a")
    made.sort(-1)
    made.update_rows([Row(name, (name, 0)) for name in ("e", "a", "c", "d")])
    assert [row.key for row in made.rows()] == ["d", "c", "a", "e"]
