"""Apply files or folders of manifests: what would come of each object first, then the work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any, cast

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QPushButton, QVBoxLayout, QWidget

from desktop.ui.kubernetes.applying import SAME, Step, apply, check, read_manifests
from desktop.ui.models.format import counted
from desktop.ui.models.records import Column, Row
from desktop.ui.pages.kubernetes.scope import Shared
from desktop.ui.theme import GAP, MARGIN, PAD
from desktop.ui.widgets.basics import label
from desktop.ui.widgets.table import Table
from vm.errors import UserError

COLUMNS = (
    Column("Object", lambda step: step.name, width=280),
    Column("Namespace", lambda step: str(step.item["metadata"].get("namespace") or ""), width=120),
    Column(
        "What happens",
        lambda step: step.outcome if step.error is None else step.error.message,
        tip=lambda step: (
            step.outcome if step.error is None else f"{step.error.message}\n{step.error.hint}".strip()
        ),
        width=0,
    ),
)


def apply_files(parent: QWidget, shared: Shared, paths: list[Path]) -> None:
    """Read and check them, and ask."""

    async def plan() -> list[Step]:
        items = await asyncio.to_thread(read_manifests, paths)
        return await shared.cluster.ask(lambda client: check(client, items))

    shared.context.session.bridge.call(
        plan(),
        lambda steps: ApplyDialog(parent, shared, steps).open(),
        shared.context.banners.error,
        owner=parent,
    )


class ApplyDialog(QDialog):
    """The objects with what happens to each; those that the cluster refuses are left out."""

    def __init__(self, parent: QWidget, shared: Shared, steps: list[Step]) -> None:
        super().__init__(parent)
        self._shared = shared
        self._steps = [one for one in steps if one.error is None]
        refused = len(steps) - len(self._steps)
        self.setWindowTitle("Apply manifests")
        self.setModal(True)
        self.setMinimumSize(680, 400)
        self.table = Table(COLUMNS, "Objects")
        self.table.sortByColumn(-1, self.table.header().sortIndicatorOrder())
        self.table.delegate.dots[0] = lambda step: "failed" if step.error is not None else ""
        self.table.records.update_rows([Row(str(number), step) for number, step in enumerate(steps)])
        changes = sum(one.outcome != SAME for one in self._steps)
        words = f"The cluster has checked them: {counted(changes, 'change')}."
        if refused:
            words += f" It refuses {refused}, which {'is' if refused == 1 else 'are'} left out."
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.verb = QPushButton("Apply")
        self.verb.setAccessibleName("Apply")
        self.verb.setDefault(True)
        self.verb.setEnabled(bool(self._steps))
        self.buttons.addButton(self.verb, QDialogButtonBox.ButtonRole.AcceptRole)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        self.accepted.connect(self._apply)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(MARGIN, MARGIN, MARGIN, PAD)
        outer.setSpacing(GAP + 4)
        outer.addWidget(label(f"Apply {counted(len(steps), 'object')}?", "section"))
        outer.addWidget(label(words, "muted", wrap=True))
        outer.addWidget(self.table, 1)
        outer.addWidget(self.buttons)
        (self.verb if self._steps else self.table).setFocus()
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)

    def _apply(self) -> None:
        cluster, banners, steps = self._shared.cluster, self._shared.context.banners, self._steps
        failed: list[Step] = []

        async def work() -> AsyncIterator[Step]:
            async with aclosing(cast(Any, apply(await cluster.client(), steps))) as done:
                async for step in done:
                    yield step

        def take(found: list[Step]) -> None:
            failed.extend(one for one in found if one.error is not None)

        def done() -> None:
            if failed:
                lines = "\n".join(f"{one.name}: {_said(one.error)}" for one in failed)
                banners.show_message("error", f"{len(failed)} of {len(steps)} could not be applied", lines)
            else:
                banners.show_message("done", f"Applied {counted(len(steps), 'object')}")

        self._shared.context.session.bridge.follow(work, take, done, banners.error, owner=cluster)


def _said(error: UserError | None) -> str:
    return "" if error is None else error.message
