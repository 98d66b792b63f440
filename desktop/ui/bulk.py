"""The same operation on several objects, in parallel, each with an outcome of its own.

A container that ignores SIGTERM takes ten seconds to stop. One after the other, ten of them take 100 seconds.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeVar

from vm.errors import UserError

log = logging.getLogger(__name__)

MAX_PARALLEL = 10
"""Calls under way at a time: each is a connection into the machine."""

MAX_NAMED = 3
"""Failures that a message names; the rest is in its details."""

C = TypeVar("C")

Call = Callable[[C, str], Coroutine[Any, Any, Any]]
"""One operation on one object, by its ID, with a client."""

Subject = tuple[str, str]
"""An object's ID, and the name it has in messages."""


@dataclass(frozen=True)
class Outcome:
    """What came of the operation on one object. :ivar error: None when it succeeded."""

    name: str
    error: UserError | None
    key: str = ""


async def run_for_each(client: C, subjects: Sequence[Subject], call: Call[C]) -> AsyncGenerator[Outcome]:
    """Run ``call`` for every subject, at most :data:`MAX_PARALLEL` at a time; a failure does not stop the others.

    :return: the outcomes, as they come.
    """
    slots = asyncio.Semaphore(MAX_PARALLEL)

    async def run(key: str, name: str) -> Outcome:
        async with slots:
            try:
                await call(client, key)
            except UserError as error:
                return Outcome(name, error, key)
            except Exception as error:
                log.exception("an operation on %s failed unexpectedly", name)
                return Outcome(name, UserError("An unexpected error occurred", "", repr(error)), key)
        return Outcome(name, None, key)

    tasks = [asyncio.create_task(run(key, name)) for key, name in subjects]
    try:
        for task in asyncio.as_completed(tasks):
            yield await task
    finally:
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def titled(doing: str, subjects: Sequence[Subject]) -> str:
    """What the operation is called: ``Stopping web and 2 more``."""
    names = [name for _, name in subjects]
    return f"{doing} {names[0]}" + (f" and {len(names) - 1} more" if len(names) > 1 else "")


async def run_for_all(
    client: C, subjects: Sequence[Subject], call: Call[C], failure: str
) -> AsyncGenerator[Outcome]:
    """As :func:`run_for_each`.

    :param failure: see :func:`summarize`.    :raise UserError: at the end, for those that failed.
    """
    found: dict[str, Outcome] = {}
    async with aclosing(run_for_each(client, subjects, call)) as outcomes:
        async for outcome in outcomes:
            found[outcome.key] = outcome
            yield outcome
    message = summarize([found[key] for key, _ in subjects], failure)
    if message is not None:
        raise UserError(*message)


def summarize(outcomes: Sequence[Outcome], failure: str) -> tuple[str, str, str] | None:
    """Message, hint and details for the operations that failed; None when all succeeded.

    :param failure: what could not be done, with ``{}`` for the name, or for “2 of 10”.
    """
    failed = [(outcome.name, outcome.error) for outcome in outcomes if outcome.error is not None]
    if not failed:
        return None
    if len(outcomes) == 1:
        name, error = failed[0]
        return failure.format(name), error.message, error.detail
    which = failed[0][0] if len(failed) == 1 else f"{len(failed)} of {len(outcomes)}"
    lines = [f"{name}: {error.message}" for name, error in failed]
    more = [f"… and {len(lines) - MAX_NAMED} more"] if len(lines) > MAX_NAMED else []
    hint = failed[0][1].message if len(failed) == 1 else "\n".join([*lines[:MAX_NAMED], *more])
    detail = "\n".join(f"{line} {error.detail}".strip() for line, (_, error) in zip(lines, failed, strict=True))
    return failure.format(which), hint, detail
