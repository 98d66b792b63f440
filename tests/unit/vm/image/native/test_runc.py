"""What runc looks at before a container's program runs: the mounts that the configuration names."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.unit.guest_program import NATIVE, compile_sources

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="programs of the guest's")

SECONDS = 60
PEER = Path(__file__).parent / "peers" / "runc_mounts.c"

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
    return compile_sources([PEER, NATIVE / "runc_mounts.c"], made)


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
