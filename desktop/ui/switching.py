"""The switch between Slipway's own engines: the question before it, and its progress."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from desktop.control.schema import EngineState, Event, RunState
from desktop.ui.context import Context
from desktop.ui.widgets.dialogs import Question
from desktop.ui.widgets.progress import WorkDialog

KEPT = "Nothing of it is deleted: what it restarts by itself runs again when you switch back."


def other(engines: tuple[EngineState, ...]) -> EngineState | None:
    """The engine that could be switched to, or cannot be used here; None: there is none."""
    return next((one for one in engines if not one.in_use), None)


def ask_to_switch(parent: QWidget, context: Context, to: EngineState) -> None:
    """Switch to an engine, after a question where containers would be stopped."""
    status = context.session.status
    now = next((one for one in status.engines if one.in_use), None) if status is not None else None
    if now is None or now.state is not RunState.RUNNING:
        SwitchDialog(parent, context, to).open()
        return
    question = Question(
        parent,
        f"Switch to {to.title}?",
        f"{now.title} are stopped, unless the settings keep both engines running. {KEPT}",
        "Switch",
        danger=False,
    )
    question.then(lambda _: SwitchDialog(parent, context, to).open())


class SwitchDialog(WorkDialog):
    """Follows a switch; closing it cancels the switch, and leaves the engine in use that was."""

    def __init__(self, parent: QWidget, context: Context, to: EngineState) -> None:
        client = context.session.client
        title = f"Switching to {to.title}"
        super().__init__(parent, context, title, lambda: client.use_engine(to.name), f"{to.title} are in use")
        self.setMinimumSize(480, 180)
        self.resize(480, 200)

    def take(self, steps: list[Event]) -> None:
        """Show what goes on."""
        told = [step.text for step in steps if step.kind == "progress" and step.text]
        if told:
            self.set_status(f"{told[-1][0].upper()}{told[-1][1:]} …")

    def _leave(self) -> None:
        """Whoever only leaves cancels nothing, since another client may wait for it too."""
        if not self.done_with:
            self.context.session.control(lambda client: client.cancel_start())
        super()._leave()
