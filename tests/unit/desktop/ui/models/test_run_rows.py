"""Rows of the Run form: texts are taken apart and put together without a change."""

from __future__ import annotations

import pytest

from desktop.ui.models.run_rows import (
    Declared,
    free_port,
    port_row,
    port_text,
    read_env_file,
    variable_problem,
    volume_problem,
    volume_row,
    volume_text,
    with_read_only,
)


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("80", ("", "80")),
        ("8080:80/udp", ("8080", "80/udp")),
        ("127.0.0.1:8080:80", ("127.0.0.1:8080", "80")),
        ("[::1]:8080:80", ("[::1]:8080", "80")),
    ],
)
def test_ports(text: str, row: tuple[str, str]) -> None:
    assert port_row(text) == row
    assert port_text(*row) == text


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("data:/srv", ("data", "/srv", "")),
        ("/home/me:/me:ro,z", ("/home/me", "/me", "ro,z")),
        (r"C:\Users\me:/app", (r"C:\Users\me", "/app", "")),
        (r"C:\Users\me:C:\app:ro", (r"C:\Users\me", r"C:\app", "ro")),
        ("d:/src:/app", ("d:/src", "/app", "")),
    ],
)
def test_volumes(text: str, row: tuple[str, str, str]) -> None:
    assert volume_row(text) == row
    assert volume_text(*row) == text
    assert volume_problem(*row[:2]) == ""


@pytest.mark.parametrize(
    ("options", "wanted", "after"),
    [("", True, "ro"), ("ro", False, ""), ("rw,z", True, "ro,z"), ("z,ro", True, "z,ro"), ("z", False, "z")],
)
def test_read_only_leaves_other_options(options: str, wanted: bool, after: str) -> None:
    assert with_read_only(options, wanted) == after


@pytest.mark.parametrize(
    ("source", "folder"), [("", "/d"), ("data", ""), ("data", "d"), ("d", "/d"), ("$(pwd)", "/d"), ("./d", "/d")]
)
def test_what_is_no_volume(source: str, folder: str) -> None:
    assert volume_problem(source, folder)


def test_variables() -> None:
    assert variable_problem("A", "") == ""
    assert variable_problem("A B", "1")
    assert variable_problem("", "1")


def test_a_file_of_variables_is_read_as_docker_does() -> None:
    text = "\ufeff# a comment\n\n  A=1 # not one\nB='quoted'\nC=\nHOME\n"
    assert read_env_file(text) == ("A=1 # not one", "B='quoted'", "C=")


def test_what_an_image_declares() -> None:
    config = {
        "ExposedPorts": {"8443/tcp": {}, "53/udp": {}, "80/tcp": {}},
        "Volumes": {"/data": {}},
        "Env": ["PATH=/bin", "LANG=C.UTF-8"],
    }
    assert Declared.of({"Config": config}) == Declared(
        ("53/udp", "80", "8443"), ("/data",), (("LANG", "C.UTF-8"),)
    )
    assert Declared.of({"Config": None}) == Declared()


def test_a_free_port_is_near_and_offered_once() -> None:
    busy = {("8080", "tcp")}
    taken: set[str] = set()
    offered = [
        free_port(inner, lambda port, protocol: (port, protocol) not in busy, taken)
        for inner in ("80", "80/udp", "5432", "5432", "65535")
    ]
    assert offered == ["8081", "8080", "5432", "5433", "65535"]
    assert free_port("65535", lambda port, protocol: True, taken) == ""
