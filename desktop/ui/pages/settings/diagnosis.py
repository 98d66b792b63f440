"""Diagnosis: every check with what was found and how to fix it; the support bundle."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from desktop.control.bundle import have_bundle
from desktop.control.schema import BundleFile, Check
from desktop.ui.context import Context
from desktop.ui.pages.settings.bundle import BundleDialog
from desktop.ui.theme import GAP, PAD
from desktop.ui.widgets.basics import Picture, button, card, column, label, row
from desktop.ui.words import ntr, tr
from vm.errors import UserError

MARKS = {True: ("check", "good"), False: ("warning", "bad"), None: ("info", "muted")}


class DiagnosisTab(QWidget):
    """Runs the checks, and collects the support bundle."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        self.run = button(tr("Check everything"), self.check, picture="check", primary=True)
        self.collect = button(tr("Support bundle…"), self.show_bundle, picture="bundle")
        self.note = label(tr("Checks every part of Slipway and says how to fix what is wrong."), "muted")
        self.results = column(gap=GAP)
        self._cards: list[QFrame] = []
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, PAD, 0, 0)
        outer.setSpacing(PAD)
        outer.addLayout(row(self.run, self.collect, self.note, None))
        outer.addLayout(self.results)
        outer.addStretch(1)

    def check(self) -> None:
        """Run all checks."""
        self.run.setEnabled(False)
        self.note.setText(tr("Checking …"))
        self._context.session.control(lambda client: client.diagnose(), self._show, self._failed, owner=self)

    def show_bundle(self) -> None:
        """Collect what is needed to find a fault, and show it before it is saved."""
        self.collect.setEnabled(False)
        self.note.setText(tr("Collecting …"))
        session = self._context.session
        session.bridge.call(have_bundle(session.client), self._offer, self._failed, owner=self)

    def _offer(self, files: list[BundleFile]) -> None:
        self._ready("")
        BundleDialog(self, self._context, files).open()

    def _show(self, checks: list[Check]) -> None:
        failed = sum(check.passed is False for check in checks)
        problems = ntr("{n} problem", "{n} problems", failed) if failed else tr("no problems")
        self._ready(ntr("{n} check, {problems}", "{n} checks, {problems}", len(checks), problems=problems))
        for old in self._cards:
            old.hide()
            old.deleteLater()
        self._cards = []
        for check in sorted(checks, key=lambda check: check.passed is not False):
            words = column(
                label(check.description, wrap=True), label(check.found, "muted", wrap=True, select=True), gap=2
            )
            if check.fix and check.passed is False:
                words.addWidget(label(check.fix, wrap=True, select=True))
            line = row(Picture(MARKS[check.passed][0], 20, MARKS[check.passed][1]), gap=PAD)
            line.addLayout(words, 1)
            self._cards.append(card(line))
            self.results.addWidget(self._cards[-1])

    def _failed(self, error: UserError) -> None:
        self._ready(error.message)

    def _ready(self, text: str) -> None:
        self.run.setEnabled(True)
        self.collect.setEnabled(True)
        self.note.setText(text)
