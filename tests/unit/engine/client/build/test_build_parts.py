"""The parts of a build that need no engine: the wire format, traces, .dockerignore, the tar."""

from __future__ import annotations

import base64
import io
import tarfile
from pathlib import Path

import pytest

from engine.client.build.build import failure
from engine.client.build.context import archive
from engine.client.build.ignore import Ignore, walk
from engine.client.build.trace import Part, decode
from engine.client.build.wire import field, fields
from engine.client.errors import ProgressError, StreamBroken
from engine.client.registry import RegistryError
from vm.errors import EngineError


def test_fields_come_back() -> None:
    data = field(1, "text") + field(200, 2**40) + field(3, b"")
    assert list(fields(data)) == [(1, b"text"), (200, 2**40), (3, b"")]


@pytest.mark.parametrize("data", [b"\x0a\x05abc", b"\x80", b"\x0b\x01"])
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(StreamBroken):
        list(fields(data))


def test_a_trace() -> None:
    moment = field(1, 1_700_000_000) + field(2, 500_000_000)
    vertex = field(1, "sha256:a") + field(3, "RUN x") + field(4, 1) + field(5, moment) + field(7, "bad")
    part = field(1, "layer") + field(2, "sha256:a") + field(4, 5) + field(5, 9)
    output = field(1, "sha256:a") + field(4, b"line\n")
    found = decode(base64.b64encode(field(1, vertex) + field(2, part) + field(3, output)).decode())
    (step,) = found.vertexes
    assert (step.name, step.cached, step.started, step.completed, step.error) == (
        *("RUN x", True, 1_700_000_000.5, 0.0, "bad"),
    )
    assert found.parts == (Part("layer", "sha256:a", 5, 9),)
    assert [piece.text for piece in found.outputs] == ["line\n"]
    with pytest.raises(StreamBroken):
        decode("no base64!")


def seen(folder: Path, *lines: str) -> list[str]:
    return list(walk(folder, Ignore(lines), ("Dockerfile",)))


def test_dockerignore(tmp_path: Path) -> None:
    for name in ("Dockerfile", "a.log", "sub/a.log", "out/x", "out/keep"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    assert seen(tmp_path, "*.log", "out", "!out/keep") == ["Dockerfile", "out", "out/keep", "sub", "sub/a.log"]
    assert seen(tmp_path, "**/*.log", "out/") == ["Dockerfile", "sub"]
    assert seen(tmp_path, "*") == ["Dockerfile"]
    assert seen(tmp_path, "# all", "", "s?b", "[ao]*") == ["Dockerfile"]
    with pytest.raises(EngineError):
        Ignore(["!"])


def test_the_archive(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / ("long" * 60)).write_bytes(b"x" * 3_000_000)
    (tmp_path / "link").symlink_to("nowhere")
    data = b"".join(archive(tmp_path, "Dockerfile"))
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        entries = {entry.name: entry for entry in tar}
    assert set(entries) == {".", "Dockerfile", "long" * 60, "link"}
    assert entries["long" * 60].size == 3_000_000
    assert entries["link"].linkname == "nowhere"
    assert {(entry.uid, entry.gid) for entry in entries.values()} == {(0, 0)}


@pytest.mark.parametrize(
    ("base", "said", "message", "hint"),
    [
        (
            "docker.io/library/nosuch:1",
            "pull access denied, repository does not exist or may require authorization",
            "nosuch does not exist, or you have no access to it",
            "docker login",
        ),
        (
            "registry.example:5000/me/app:1",
            "not found",
            "The registry has no registry.example:5000/me/app:1",
            "spelling",
        ),
        (
            "registry.example/app:1",
            "lookup registry.example: no such host",
            "cannot be reached",
            "proxy",
        ),
    ],
)
def test_a_registrys_refusal_in_a_build_has_a_hint(base: str, said: str, message: str, hint: str) -> None:
    error = failure({"error": f"{base}: failed to resolve source metadata for {base}: {base}: {said}"})
    assert isinstance(error, RegistryError)
    assert message in error.message
    assert hint in error.hint
    assert said in error.detail


def test_a_step_that_failed_is_told_as_it_is() -> None:
    error = failure({"error": 'process "/bin/sh -c false" did not complete successfully: exit code: 1'})
    assert isinstance(error, ProgressError)
    assert error.hint == ""
