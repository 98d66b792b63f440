"""What each declared call has to have, for the client and the server to be made from it."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncGenerator
from typing import Any, TypeVar

import pytest

from desktop.control.calls import CALLS, AnyCall, Call, ControlApi, Stream
from desktop.control.codec import dump, load
from desktop.control.schema import BuildImage, GrowDisk, Note
from tests.unit.desktop.control.samples import Sampler

R = TypeVar("R")
Item = TypeVar("Item")

each_call = pytest.mark.parametrize("call", CALLS, ids=repr)


class Recorder(ControlApi):
    """Makes no call, and says which it would make."""

    def __init__(self) -> None:
        self.made: list[tuple[str, object]] = []

    async def send(self, call: Call[..., R], request: object) -> R:
        self.made.append((call.name, request))
        reply: R = Sampler(1).value(call.reply)
        return reply

    async def receive(self, stream: Stream[..., Item], request: object) -> AsyncGenerator[Item]:
        self.made.append((stream.name, request))
        yield Sampler(1).value(stream.item)


async def test_a_call_takes_its_requests_fields() -> None:
    api = Recorder()
    assert isinstance(await api.grow_disk(64), Note)
    assert [event async for event in api.build_image(arch=None, force=True)]
    assert api.made == [("grow_disk", GrowDisk(64)), ("build_image", BuildImage(None, True))]


async def test_a_call_takes_no_others() -> None:
    call: Any = Recorder().grow_disk
    with pytest.raises(TypeError, match="gb"):
        await call(gb=64)


def test_there_are_no_two_of_a_kind() -> None:
    assert len({(call.method, call.path) for call in CALLS}) == len({call.name for call in CALLS}) == len(CALLS)


@each_call
def test_each_says_what_it_does(call: AnyCall) -> None:
    text = call.__doc__
    assert text is not None
    assert text.endswith(".")
    assert "\n" not in text


@each_call
def test_a_request_is_a_dataclass_that_fits_its_method(call: AnyCall) -> None:
    kind = call.request
    assert dataclasses.is_dataclass(kind)
    assert isinstance(kind, type)
    if call.method == "GET":
        for seed in range(20):
            value = Sampler(seed).value(kind)
            query = {key: str(item) for key, item in dump(value).items()}
            assert load(kind, query, text=True) == value
