"""The bar below the tabs: applies the draft or discards it, and says what that means or why it cannot be."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QWidget

from desktop.ui.models.settings import SettingsModel
from desktop.ui.widgets.basics import button, label, restyle, row
from desktop.ui.words import mark, tr

RESTART = mark("Takes effect after a restart, which stops your containers.")


class ApplyBar(QWidget):
    """Follows the model. :param elsewhere: the tab, if not the one shown, on which a path is edited; or empty."""

    def __init__(self, model: SettingsModel, elsewhere: Callable[[str], str]) -> None:
        super().__init__()
        self._model, self._elsewhere = model, elsewhere
        self.note = label("", "muted", wrap=True, select=True)
        self.discard = button(tr("Discard"), model.discard)
        self.later = button(tr("Apply at the next start"), lambda: model.apply(restart=False))
        self.apply = button(tr("Apply"), lambda: model.apply(restart=True), primary=True)
        line = row(self.discard, self.later, self.apply)
        line.insertWidget(0, self.note, 1)
        line.setContentsMargins(0, 0, 0, 0)
        self.setLayout(line)
        model.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show what can be done now."""
        model, restart = self._model, self._model.restart_needed
        self.apply.setText(tr("Apply and restart") if restart else tr("Apply"))
        self.apply.setAccessibleName(self.apply.text())
        self.apply.setEnabled(model.ready)
        self.later.setVisible(restart)
        self.later.setEnabled(model.ready)
        self.discard.setEnabled(model.dirty)
        text, wrong, detail = tr(RESTART) if restart else "", False, ""
        if model.refusal is not None:
            text, wrong = f"{model.refusal.message}. {model.refusal.hint}".strip(), True
            detail = model.refusal.detail
        elif model.errors:
            path = next(iter(model.errors))
            tab = self._elsewhere(path)
            title = tr(model.field(path).title)
            fix = tr("Fix “{title}” on the tab {tab} first.", title=title, tab=tab)
            text, wrong = (fix, True) if tab else ("", False)
        self.note.setText(text)
        self.note.setToolTip(detail)
        self.note.setObjectName("reason" if wrong else "muted")
        restyle(self.note)
