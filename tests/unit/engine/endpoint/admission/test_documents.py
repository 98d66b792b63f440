"""Bodies are understood as Go's encoding/json does."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.endpoint.admission.documents import CONTAINER, SERVICE, dump, parse, spell

keys = st.text(max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(keys, below, max_size=4),
)


@given(values)
def test_what_is_said_again_is_the_same(value: Any) -> None:
    assert parse(dump(value)) == value


@given(st.dictionaries(keys | st.sampled_from(["hostconfig", "HOSTCONFIG", "Env", "env"]), values, max_size=6))
def test_other_keys_are_left_alone(body: dict[str, Any]) -> None:
    others = {key: value for key, value in body.items() if key.casefold() not in ("env", "hostconfig")}
    spell(body, {"Env": None, "HostConfig": None})
    assert {key: value for key, value in body.items() if key not in ("Env", "HostConfig")} == others


@pytest.mark.parametrize("key", ["hostconfig", "HOSTCONFIG", "ho\u017ftConfig", "HostConfig"])
@pytest.mark.parametrize("below", ["binds", "BINDS", "Binds", "bind\u017f"])
def test_keys_of_structs_in_any_case(key: str, below: str) -> None:
    """Go folds the long s to s, and the Kelvin sign to k."""
    body = {key: {below: ["/x:/y"]}, "Labels": {"Env": "kept", "env": "too"}}
    spell(body, CONTAINER)
    assert body == {"HostConfig": {"Binds": ["/x:/y"]}, "Labels": {"Env": "kept", "env": "too"}}


def test_the_last_of_two_counts() -> None:
    body = parse(b'{"HostConfig": {"Binds": ["/a:/a"]}, "hostconfig": {"Binds": ["/b:/b"]}}')
    spell(body, CONTAINER)
    assert body == {"HostConfig": {"Binds": ["/b:/b"]}}
    body = parse(b'{"hostconfig": {"Binds": ["/a:/a"]}, "HostConfig": {}, "X": 1}')
    spell(body, CONTAINER)
    assert body == {"HostConfig": {}, "X": 1}


def test_in_lists_of_structs() -> None:
    mount = {"type": "volume", "volumeoptions": {"driverconfig": {"options": {"Device": "x", "device": "y"}}}}
    body = {"tasktemplate": {"containerspec": {"mounts": [mount, 1, None]}}}
    spell(body, SERVICE)
    options = {"DriverConfig": {"Options": {"Device": "x", "device": "y"}}}
    wanted = {"Type": "volume", "VolumeOptions": options}
    assert body == {"TaskTemplate": {"ContainerSpec": {"Mounts": [wanted, 1, None]}}}


def test_bytes_that_are_no_text_are_replaced_as_go_does() -> None:
    assert parse(b'"a\xffb"') == "a\ufffdb"
    assert json.loads(dump(parse(b'"\\ud800"'))) == "\ud800"
