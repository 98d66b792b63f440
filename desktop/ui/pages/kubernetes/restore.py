"""Make the cluster what it was an hour ago, or some hours: a choice of its backups, and what is lost."""

from __future__ import annotations

import time

from PySide6.QtWidgets import QComboBox, QWidget

from desktop.control.schema import KubernetesBackupReport
from desktop.ui.models.format import age, size
from desktop.ui.pages.kubernetes.scope import Shared
from desktop.ui.widgets.dialogs import Form
from vm.errors import UserError

TITLE = "Restore the cluster from a backup"
TEXT = (
    "All objects become what they were then, and changes since then are lost. The data in volumes stays as it is "
    "now. All pods are restarted. What the cluster is now becomes a backup first."
)


WIDTH = 600
"""Of the dialog: a backup is a long line."""


def restore_backup(parent: QWidget, shared: Shared) -> None:
    """Fetch the backups, and ask for one of them."""
    shared.context.session.control(
        lambda client: client.kubernetes_backups(),
        lambda found: _ask(parent, shared, found),
        shared.context.banners.error,
        owner=parent,
        begin=False,
    )


def _ask(parent: QWidget, shared: Shared, found: list[KubernetesBackupReport]) -> None:
    banners = shared.context.banners
    if not found:
        banners.show_message("info", "There are no backups yet", "One is taken every hour.")
        return
    form = Form(parent, TITLE, "Restore", TEXT, danger=True)
    form.setMinimumWidth(WIDTH)
    choice = QComboBox()
    for one in found:
        choice.addItem(describe(one), one.number)
    form.add("Backup", choice)

    def restored(text: str) -> None:
        first, _, rest = text.partition("\n")
        banners.show_message("done", first, rest)

    def failed(error: UserError) -> None:
        banners.error(error)

    form.accepted.connect(lambda: shared.cluster.restore(int(choice.currentData()), restored, failed))
    form.open()


def describe(one: KubernetesBackupReport) -> str:
    """A backup in one line."""
    moment = time.strftime("%Y-%m-%d %H:%M", time.localtime(one.taken))
    return f"{moment}, {age(one.taken)}  ·  Kubernetes {one.version}, {size(one.size)}"
