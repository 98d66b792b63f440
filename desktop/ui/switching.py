"""The switch between Slipway's own engines: the question before it, its progress, and the setup it may need."""

from __future__ import annotations

from functools import partial

from PySide6.QtWidgets import QDialogButtonBox, QPushButton, QWidget

from desktop.control.schema import EngineState, RequirementReport, RunState
from desktop.ui.activities import Order
from desktop.ui.context import Context
from desktop.ui.models.activity import Kind
from desktop.ui.models.reader import Sentences
from desktop.ui.widgets.dialogs import Question
from desktop.ui.widgets.progress import WorkDialog
from desktop.ui.words import mark, tr
from vm.errors import NotSetUp, UserError

KEPT = mark("Nothing of it is deleted: what it restarts by itself runs again when you switch back.")


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
        tr("Switch to {title}?", title=to.title),
        tr(
            "{title} are stopped, unless the settings keep both engines running. {kept}",
            title=now.title,
            kept=tr(KEPT),
        ),
        tr("Switch"),
        danger=False,
    )
    question.then(lambda _: SwitchDialog(parent, context, to).open())


def switch_order(context: Context, to: EngineState) -> Order:
    """Switch to an engine; given up, the one in use stays."""
    session = context.session
    return Order(
        Kind.MACHINE,
        tr("Switching to {title}", title=to.title),
        partial(session.client.use_engine, to.name),
        tr("{title} are in use", title=to.title),
        Sentences,
        to.title,
        # whoever only leaves cancels nothing, since another client may wait for it too
        on_cancel=lambda: session.control(lambda client: client.cancel_start()),
    )


class SwitchDialog(WorkDialog):
    """Follows a switch, which goes on without it."""

    def __init__(self, parent: QWidget, context: Context, to: EngineState) -> None:
        self._window = parent
        super().__init__(parent, context, context.session.activities.begin(switch_order(context, to)))
        self.setMinimumSize(480, 180)
        self.resize(480, 200)

    def failed(self, error: UserError) -> None:
        """Show the error; offer the setup where that is what is missing."""
        super().failed(error)
        if error.code == NotSetUp.__name__:
            verb = QPushButton(tr("Set up…"))
            verb.setAccessibleName(tr("Set up Windows containers"))
            verb.setDefault(True)
            self.buttons.addButton(verb, QDialogButtonBox.ButtonRole.AcceptRole)
            verb.clicked.connect(self._set_up)

    def _set_up(self) -> None:
        self.accept()
        ask_to_set_up(self._window, self.context)


def ask_to_set_up(parent: QWidget, context: Context) -> None:
    """Show what Windows containers need, and set them up if the user agrees."""

    def show(needs: list[RequirementReport]) -> None:
        names = [f"{one.title}: {tr('there') if one.met else one.fix}" for one in needs]
        text = tr(
            "Windows asks for an administrator. All of it can be undone: slipway engine remove. What is needed:"
        )
        question = Question(
            parent, tr("Set Windows containers up?"), text, tr("Set up"), names=names, danger=False
        )
        question.then(lambda _: SetupDialog(parent, context).open())

    context.session.control(lambda client: client.engine_needs(), show, context.banners.error)


class SetupDialog(WorkDialog):
    """Follows the setup; closing it leaves that to go on."""

    def __init__(self, parent: QWidget, context: Context) -> None:
        self._window = parent
        title = tr("Setting Windows containers up")
        order = Order(Kind.MACHINE, title, context.session.client.install_engine, reader=Sentences)
        super().__init__(parent, context, context.session.activities.begin(order))
        self.setMinimumSize(480, 180)
        self.resize(480, 200)

    def failed(self, error: UserError) -> None:
        """Show the error, and offer to try again: an administrator may have refused."""
        super().failed(error)
        verb = QPushButton(tr("Try again…"))
        verb.setAccessibleName(tr("Try the setup again"))
        verb.setDefault(True)
        self.buttons.addButton(verb, QDialogButtonBox.ButtonRole.AcceptRole)
        verb.clicked.connect(self._again)

    def _again(self) -> None:
        self.accept()
        ask_to_set_up(self._window, self.context)
