"""What a client is told when its request cannot be checked."""

from __future__ import annotations

import pytest

from tests.unit.engine.endpoint.admission.stage import (
    CREATE,
    FINE,
    OK,
    PING,
    START,
    Stage,
    message,
    sized,
)
from tests.unit.sshd import eventually
from vm.errors import EngineError, LinkError
from vm.state import MachineState, StateError

PAUSED = StateError("be reached", MachineState.PAUSED, frozenset({MachineState.RUNNING}))


@pytest.mark.parametrize("request_", [sized(CREATE, FINE), START])
@pytest.mark.parametrize(
    ("error", "status", "wanted"),
    [
        (EngineError("It is refused", "Do better."), 400, "It is refused. Do better."),
        (LinkError("The link is down", "Wait."), 503, "The link is down. Wait."),
        (PAUSED, 503, "The machine cannot be reached while it is paused. It must be running first."),
    ],
)
async def test_an_error_of_a_step_is_the_answer(
    stage: Stage, request_: bytes, error: Exception, status: int, wanted: str
) -> None:
    stage.check.error = error
    answer = await stage.ask(request_)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert message(answer) == wanted
    stage.check.error = None
    assert await stage.ask(request_) == OK
    assert await stage.end() == request_


@pytest.mark.parametrize("request_", [sized(CREATE, FINE), START])
@pytest.mark.parametrize(
    "error", [KeyError("x"), RecursionError(), TimeoutError(), ConnectionResetError(), OSError()]
)
async def test_so_is_one_that_is_not_foreseen_and_it_is_logged(
    stage: Stage, request_: bytes, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    stage.check.error = error
    answer = await stage.ask(request_)
    assert answer.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert f"an internal error ({type(error).__name__}). See the log" in message(answer)
    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[1] is error
    assert all(over.done() for _, over in stage.check.started)
    assert await stage.ask(PING) == OK
    assert await stage.end() == PING


@pytest.mark.parametrize("request_", [sized(CREATE, FINE), START])
async def test_a_step_that_does_not_end_is_answered(
    stage: Stage, request_: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.endpoint.admission.filter.CHECK_SECONDS", 0.1)
    stage.check.waits = True
    assert (await stage.ask(request_)).startswith(b"HTTP/1.1 500 ")
    stage.check.waits = False
    assert await stage.ask(request_) == OK


@pytest.mark.parametrize("request_", [sized(CREATE, FINE), START])
async def test_a_shut_gate_is_the_answer_on_connections_that_have_passed_it(stage: Stage, request_: bytes) -> None:
    """The machine is paused, say: the engine would never answer."""
    assert await stage.ask(PING) == OK
    stage.endpoint.shut(EngineError("The machine is paused", "Resume it: slipway start"))
    answer = await stage.ask(request_)
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert message(answer) == "The machine is paused. Resume it: slipway start"
    assert not stage.check.created
    assert not stage.check.started
    stage.endpoint.hold("the machine is being resumed")
    assert await stage.ask(request_) == OK
    assert await stage.end() == PING + request_


async def test_a_stop_is_the_answer_and_not_what_it_breaks(stage: Stage) -> None:
    stage.check.waits = True
    stage.writer.write(sized(CREATE, FINE))
    await eventually(lambda: bool(stage.check.created))
    stage.endpoint.shut(EngineError("Slipway is stopping", "Start it: slipway start"))
    stage.check.error, stage.check.waits = LinkError("The link broke"), False
    assert message(await stage.answer()) == "Slipway is stopping. Start it: slipway start"


async def test_json_that_is_nested_too_deeply_is_refused(stage: Stage) -> None:
    for body in (b"[" * 200_000, b'{"a":' * 200_000 + b"1" + b"}" * 200_000):
        answer = await stage.ask(sized(CREATE, body))
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert message(answer) == "The request's JSON is nested too deeply"
    assert await stage.ask(PING) == OK
    assert await stage.end() == PING


@pytest.mark.parametrize("request_", [sized(CREATE, FINE), START])
async def test_a_client_that_leaves_ends_the_check_of_its_request(stage: Stage, request_: bytes) -> None:
    """The container must not be made later, when nothing waits for it any more."""
    stage.check.waits = True
    stage.writer.write(request_)
    await eventually(lambda: bool(stage.check.created or stage.check.started))
    stage.writer.transport.abort()
    await eventually(lambda: stage.endpoint.connections == 0)
    assert all(over.done() for _, over in stage.check.started)
    assert bytes(stage.guest.got) == b""


async def test_a_guest_that_ends_ends_the_check_of_a_request(stage: Stage) -> None:
    stage.check.waits = True
    stage.writer.write(START)
    await eventually(lambda: bool(stage.check.started))
    await stage.endpoint.close()
    assert await stage.reader.read() == b""
    assert all(over.done() for _, over in stage.check.started)
