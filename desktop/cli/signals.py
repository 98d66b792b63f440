"""What signals do to a command that changes the engine: Ctrl-C and SIGTERM end it, a closed terminal does not."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Terminated(Exception):
    """SIGTERM has ended the command."""


@contextmanager
def surviving_hangup() -> Iterator[None]:
    """Go on when the terminal is closed (SIGHUP), as under nohup(1); what is printed then goes nowhere."""
    number = getattr(signal, "SIGHUP", None)  # Windows ends the process instead
    if number is None or signal.getsignal(number) is signal.SIG_IGN:
        yield
        return
    previous = signal.signal(number, lambda *_: None)  # not SIG_IGN, which programs that we start would inherit
    try:
        yield
    finally:
        signal.signal(number, previous)


def cancel_on_sigterm() -> asyncio.Event:
    """Have SIGTERM cancel this task, as Ctrl-C does; the event is set then."""
    event, task = asyncio.Event(), asyncio.current_task()
    assert task is not None

    def cancel() -> None:
        event.set()
        task.cancel()

    with suppress(NotImplementedError):  # Windows' event loop has no signals
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, cancel)
    return event
