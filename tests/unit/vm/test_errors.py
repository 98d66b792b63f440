"""The errors' own behaviour: a copy is the same failure without the tracebacks."""

from __future__ import annotations

import pytest

from vm.errors import KernelCrash, UserError
from vm.state import MachineState, StateError


@pytest.mark.parametrize(
    "error",
    [
        KernelCrash("It crashed", "Start it again.", "a detail"),
        StateError("stop", MachineState.STOPPED, frozenset({MachineState.RUNNING})),
    ],
)
def test_a_copy_is_the_same_failure(error: UserError) -> None:
    try:
        raise error
    except UserError as raised:
        copy = raised.copy()
    assert type(copy) is type(error)
    assert copy is not error
    assert copy.__dict__ == error.__dict__
    assert str(copy) == str(error)
    assert copy.__traceback__ is None
