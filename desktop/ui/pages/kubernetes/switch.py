"""While the cluster does not run: why that is, how far it is, and what the user can do."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QProgressBar, QVBoxLayout, QWidget

from desktop.ui.context import Context
from desktop.ui.kubernetes.cluster import OFF, Cluster
from desktop.ui.theme import GAP
from desktop.ui.widgets.basics import Picture, button, label, row
from vm.errors import UserError

TEXT_WIDTH = 520
STEPS = 1000
"""The resolution of the progress bar."""

INVITATION = (
    "One node in the same machine. It runs the images that docker has built, without a registry, and its services "
    "answer on localhost. It costs nothing while it is off."
)
FIRST = "The first time it is built, unless Slipway came with it: that takes a quarter of an hour or more."


class SwitchView(QWidget):
    """The invitation, the progress, or the failure."""

    def __init__(self, context: Context, cluster: Cluster) -> None:
        super().__init__()
        self._context, self._cluster = context, cluster
        self.title = label("", "section")
        self.text = label("", "muted", wrap=True, select=True)
        self.note = label("", "small", wrap=True)
        self.bar = QProgressBar(textVisible=False)
        self.bar.setAccessibleName("Progress")
        self.enable = button("Turn on Kubernetes", cluster.enable, primary=True)
        self.cancel = button("Cancel", cluster.cancel)
        self.start = button("Start the engine", lambda: context.session.start(), picture="play", primary=True)
        self.disable = button("Turn off", cluster.disable)
        for wide in (self.text, self.note, self.bar):
            wide.setFixedWidth(TEXT_WIDTH)
        for text in (self.text, self.note):
            text.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        outer = QVBoxLayout(self)
        outer.setSpacing(GAP + 4)
        outer.addStretch(1)
        outer.addLayout(row(None, Picture("kubernetes", 56, "faint"), None))
        for part in (self.title, self.text, self.note, self.bar):
            outer.addLayout(row(None, part, None))
        outer.addLayout(row(None, self.enable, self.start, self.disable, self.cancel, None))
        outer.addStretch(2)
        cluster.changed.connect(self.refresh)
        context.session.status_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show how it is now."""
        cluster, report = self._cluster, self._cluster.report
        state = "" if report is None else report.state
        failure = cluster.failure
        if cluster.doing:
            self._say(f"{cluster.doing} …", cluster.step)
        elif report is None:
            error = self._context.session.error
            self._say("Slipway is not running" if error else "Connecting …", _words(error))
        elif state == OFF:
            self._say("Kubernetes is off", _words(failure) or INVITATION, "" if failure else FIRST)
        elif state == "waiting":
            self._say("Kubernetes is on", "It starts with the engine.")
        elif state == "failed":
            self._say(
                "Kubernetes cannot be started", f"{report.text}. {report.hint}".strip(), "It is tried again."
            )
        else:
            self._say("Kubernetes is starting …", report.text)
        self._show_bar(busy=bool(cluster.doing) or state not in ("", OFF, "waiting", "failed"))
        self.enable.setVisible(state == OFF and not cluster.doing)
        self._name(self.enable, "Try again" if failure is not None else "Turn on Kubernetes")
        self.cancel.setVisible(bool(cluster.doing) and cluster.may_cancel)
        self.start.setVisible(not cluster.doing and not self._context.session.running and state in ("", "waiting"))
        self.disable.setVisible(not cluster.doing and state not in ("", OFF))

    def _say(self, title: str, text: str, note: str = "") -> None:
        self.title.setText(title)
        self.text.setText(text)
        self.note.setText(note)
        self.note.setVisible(bool(note))

    def _show_bar(self, *, busy: bool) -> None:
        fraction = self._cluster.fraction if self._cluster.doing else None
        self.bar.setVisible(busy)
        self.bar.setRange(0, 0 if fraction is None else STEPS)
        if fraction is not None:
            self.bar.setValue(round(STEPS * fraction))

    def _name(self, made: QWidget, words: str) -> None:
        self.enable.setText(words)
        made.setAccessibleName(words)


def _words(error: UserError | None) -> str:
    """An error and what to do about it."""
    return "" if error is None else f"{error.message}. {error.hint}".strip()
