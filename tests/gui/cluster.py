"""Short words for what a user does on the pages of Kubernetes."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QLabel

from desktop.ui.pages.kubernetes import KubernetesPage
from desktop.ui.pages.kubernetes.listed import ObjectList
from desktop.ui.widgets.dialogs import Question
from desktop.ui.window import Window
from tests.gui.drive import names
from tests.gui.stage import until


def kubernetes(shown: Window) -> KubernetesPage:
    """The page, with a cluster that runs."""
    shown.show_place("kubernetes")
    page = shown.pages["kubernetes"]
    assert isinstance(page, KubernetesPage)
    until(lambda: page.cluster.runs, "the cluster")
    return page


def tab(shown: Window, name: str) -> Any:
    """A tab that is shown, with its rows."""
    page = kubernetes(shown)
    page.show_subject(name)
    found = page.tab(name)
    if isinstance(found, ObjectList):
        until(lambda: names(found), f"rows of {name}")
    return found


def cells(page: ObjectList, name: str) -> dict[str, str]:
    """What a row says, by the titles of the columns."""
    record = record_of(page, name)
    return {column.title: column.text(record) for column in page.table.records.columns}


def record_of(page: ObjectList, name: str) -> Any:
    """The first record whose name begins so."""
    found = [row.record for row in page.table.visible_rows() if row.record.meta.name.startswith(name)]
    assert found, (name, names(page))
    return found[0]


def detail(shown: Window) -> Any:
    """The page of one object that is shown."""
    return shown.stack.currentWidget()


def of(page: ObjectList, prefix: str) -> set[str]:
    """The names that begin so."""
    return {name for name in names(page) if name.startswith(prefix)}


def texts(dialog: Question) -> list[str]:
    """What a question says."""
    return [one.text() for one in dialog.findChildren(QLabel)]
