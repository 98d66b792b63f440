"""Operations on containers, for their list and for the page of one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtWidgets import QWidget

from desktop.ui.bulk import Call
from desktop.ui.context import Context
from desktop.ui.models.busy import STOPPING
from desktop.ui.models.containers import Line
from desktop.ui.widgets.dialogs import Question
from desktop.ui.widgets.listpage import Operation
from engine.client import EngineClient

IDLE = ("exited", "created", "dead")
ALIVE = ("running", "paused", "restarting")


def state_is(*states: str) -> Callable[[Line], bool]:
    """A test for operations: is any container of the line in one of the states, and nothing else done to it?"""
    return lambda line: line.doing is None and in_state(line, states)


def in_state(line: Line, states: Sequence[str]) -> bool:
    """Whether any container of the line is in one of the states."""
    return any(container.state in states for container in line.containers)


def _can_be_killed(line: Line) -> bool:
    """Also while it is being stopped, which may take ten seconds."""
    return (line.doing is None or line.doing.may_be_killed) and in_state(line, ("running",))


def _can_be_removed(line: Line) -> bool:
    """Also while it is being stopped: a removal kills what still runs, after its question."""
    return line.doing is None or line.doing.may_be_killed


def operations(parent: QWidget, context: Context) -> list[Operation]:
    """The operations that change containers. :param parent: the parent of the questions."""

    def do(action: str, doing: str, participle: str, *states: str) -> Callable[[list[Line]], None]:
        async def call(engine: Any, key: str) -> None:
            await getattr(engine.containers, action)(key)

        return lambda lines: each(context, lines, call, f"{{}} could not be {participle}", doing, states)

    stop, start = do("stop", STOPPING, "stopped", *ALIVE), do("start", "Starting", "started", *IDLE)
    restart = do("restart", "Restarting", "restarted", "running", "paused")
    pause, resume = do("pause", "Pausing", "paused", "running"), do("unpause", "Resuming", "resumed", "paused")
    kill = do("kill", "Killing", "killed", "running")
    return [
        Operation("start", "Start", "play", start, state_is(*IDLE), "Ctrl+Return", row=True),
        Operation("stop", "Stop", "stop", stop, state_is(*ALIVE), "Ctrl+S", row=True),
        Operation("restart", "Restart", "restart", restart, state_is("running", "paused"), "Ctrl+R"),
        Operation("pause", "Pause", "pause", pause, state_is("running"), "Ctrl+P"),
        Operation("unpause", "Resume", "play", resume, state_is("paused"), "Ctrl+Shift+P", bar=False),
        Operation("kill", "Kill", "kill", kill, _can_be_killed, "Ctrl+Shift+K"),
        Operation(
            "remove",
            "Remove…",
            "remove",
            lambda lines: ask_removal(parent, context, lines),
            _can_be_removed,
            "Del",
        ),
    ]


def each(
    context: Context,
    lines: list[Line],
    call: Call[EngineClient],
    failure: str,
    doing: str,
    states: Sequence[str] = (),
) -> None:
    """Run an operation on the containers that are in one of ``states``; without ``states``, on all."""
    for one, mine in context.split(lines):
        chosen = {
            item.id: item.name for line in mine for item in line.containers if not states or item.state in states
        }
        one.each(list(chosen.items()), call, failure, doing)


def ask_removal(parent: QWidget, context: Context, lines: list[Line]) -> Question:
    """Say what will be lost, ask, and remove."""
    chosen = {item.id: item for line in lines for item in line.containers}
    running = [item for item in chosen.values() if item.state in ALIVE]
    names = [item.name for item in chosen.values()]
    what = f"“{names[0]}”" if len(names) == 1 else f"{len(names)} containers"
    text = "Files written in a container and not in a volume will be lost."
    if running:
        which = "It is" if len(names) == 1 else "1 is" if len(running) == 1 else f"{len(running)} are"
        text = f"{which} still running and will be killed. {text}"

    def agreed(volumes: bool) -> None:
        async def call(engine: Any, key: str) -> None:
            await engine.containers.remove(key, force=True, volumes=volumes)

        each(context, lines, call, "{} could not be removed", "Removing")

    question = Question(
        parent,
        f"Remove {what}?",
        text,
        "Remove",
        names=names if len(names) > 1 else None,
        option="Also remove anonymous volumes",
    )
    question.then(agreed)
    return question
