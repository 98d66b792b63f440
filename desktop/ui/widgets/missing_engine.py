"""What a list says of an engine that it cannot show: in its place, or below what it shows of another."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QWidget

from desktop.control.schema import EngineState, RunState
from desktop.ui.context import Context
from desktop.ui.engine_connection import State
from desktop.ui.models.states import TITLES
from desktop.ui.switching import ask_to_switch
from desktop.ui.widgets.basics import button, fill, label
from desktop.ui.widgets.empty_state import EmptyState
from desktop.ui.words import mark, tr


class MissingEngine(QWidget):
    """Below a list: the engine of Slipway's own whose objects are not in it, and what would bring them."""

    def __init__(self, context: Context, *, wanted: bool) -> None:
        """:param wanted: the list has the objects of both engines."""
        super().__init__()
        self._context, self._wanted = context, wanted
        self._engine: EngineState | None = None
        self.text = label("", "muted")
        self.keep = button(tr("Keep both running"), self._keep_both)
        self.switch = button(tr("Switch…"), self._switch)
        fill(QHBoxLayout(self), self.text, None, self.keep, self.switch).setContentsMargins(0, 0, 0, 0)
        context.session.status_changed.connect(self.refresh)
        context.view.exchanged.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Look at the status again."""
        session = self._context.session
        engines = session.status.engines if session.status is not None else ()
        if not (self._wanted and session.running and session.chosen.own):
            engines = ()
        away = [one for one in engines if one.used and not one.in_use and one.state is not RunState.RUNNING]
        self._engine = away[0] if away else None
        self.setVisible(self._engine is not None)
        if self._engine is not None:
            failed = self._engine.state is RunState.FAILED
            state = tr(TITLES[self._engine.state]).lower()
            why = self._engine.summary if failed else tr("their engine is {state}", state=state)
            self.text.setText(tr("{title} are not shown: {why}.", title=self._engine.title, why=why))

    def _keep_both(self) -> None:
        context = self._context
        changes = {"keep_engines": "true"}
        context.session.control(lambda client: client.set_settings(changes), failed=context.banners.error)

    def _switch(self) -> None:
        if self._engine is not None:
            ask_to_switch(self.window(), self._context, self._engine)


WHILE_STOPPED = mark("Start the engine to see its contents here.")


class EngineAway(EmptyState):
    """Shown in place of a list while its engine is not available: the reason, and what the user can do."""

    def __init__(self, context: Context) -> None:
        self.start = button(tr("Start"), lambda: context.session.start(), picture="play", primary=True)
        self.retry = button(tr("Try again"), lambda: context.connection.retry(), picture="refresh", primary=True)
        super().__init__("machine", "", "", self.start, self.retry)
        self._session = context.session
        context.session.status_changed.connect(self.refresh)
        context.view.changed.connect(self.refresh)
        context.view.exchanged.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Update from the status of Slipway's own engine, or the connection to another."""
        own = self._session.chosen.own
        self.retry.setVisible(not own and self._session.chosen.state is State.LOST)
        if own:
            self._show_own()
            return
        chosen = self._session.chosen
        self.start.hide()
        title = f"{chosen.title}: {chosen.state.value}" if not chosen.connected else tr("Loading …")
        text = "" if chosen.error is None else f"{chosen.error.message}. {chosen.error.hint}".strip()
        if chosen.pause is not None:
            text += tr("\nSlipway keeps trying.")
        self.set_text(title, text)

    def _show_own(self) -> None:
        status, error = self._session.status, self._session.error
        state = status.state if status else None
        title = (
            self._session.state_words if state else tr("Slipway is not running") if error else tr("Connecting …")
        )
        text = status.stage or status.summary if status else error.message if error else self._session.progress
        if status is not None and status.failure is not None:
            text = f"{status.summary}. {status.failure.hint}".strip()
        if state is RunState.RUNNING:
            title, text = tr("Loading …"), ""
        elif state is RunState.STOPPED:
            text = tr(WHILE_STOPPED)
        self.set_text(title, text)
        self.start.setVisible(state in (None, RunState.STOPPED, RunState.FAILED))
