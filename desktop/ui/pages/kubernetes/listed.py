"""The frame of a list of a cluster's objects: it follows watches and the chosen namespace."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from desktop.ui.kubernetes.objects import Objects
from desktop.ui.models.kubernetes.meta import Json, Meta, Named, rows
from desktop.ui.models.records import Column
from desktop.ui.pages.kubernetes.scope import Shared
from desktop.ui.widgets.dialogs import Question
from desktop.ui.widgets.empty_state import EmptyState
from desktop.ui.widgets.listpage import ListPage, Operation
from engine.kubernetes.client import KubernetesClient
from engine.kubernetes.client.kinds import Kind

NAMESPACE_COLUMN = 1
"""Of every list."""


LOADING = "Loading …"


class ObjectList(ListPage):
    """A tab with a list; tabs inherit from it."""

    def __init__(
        self,
        shared: Shared,
        title: str,
        picture: str,
        columns: Sequence[Column],
        searched: Callable[[Any], str],
    ) -> None:
        self._wanted: Callable[[Any], bool] = lambda record: True
        self.shared = shared
        self.lists: list[Objects[Any]] = []
        self.waiting = EmptyState("clock", LOADING)
        super().__init__(shared.context, title, picture, columns, away=self.waiting, within=True)
        self.table.records.search_in(searched)
        self.table.opened.connect(lambda found: self.lead_to(found.record))
        shared.scope.changed.connect(self._rescope)
        self._rescope()

    def watch(self, kind: Kind, make: Callable[[Json], Named]) -> Objects[Any]:
        """Follow objects of a kind, for this list."""
        made = Objects(self.shared.cluster, self, kind, make)
        made.changed.connect(self.refresh)
        self.lists.append(made)
        return made

    def records_now(self) -> Iterable[Named]:
        """What the list shows: by default all that is followed."""
        return [item for one in self.lists for item in one.items.values()]

    def refresh(self) -> None:
        """Show the current list."""
        known = all(one.known for one in self.lists)
        error = next((one.error for one in self.lists if one.error is not None), None)
        self.waiting.set_text(*((LOADING, "") if error is None else (error.message, error.hint)))
        before = self.table.records.rows()
        self.show_rows(rows(self.records_now(), before) if known else [], known)
        self._tell_count()

    def keep(self, test: Callable[[Any], bool]) -> None:
        self._wanted = test
        scope = self.shared.scope
        super().keep(lambda record: scope.has(record) and test(record))
        self._tell_count()

    def _rescope(self) -> None:
        self.table.columns.set_missing(NAMESPACE_COLUMN, bool(self.shared.scope.namespace))
        self.keep(self._wanted)

    def _tell_count(self) -> None:
        shown = self.table.records.rowCount()
        self.count.setText(f"{shown}" if shown else "")

    # -- operations -----------------------------------------------------------------------------------------------

    def add_common(self, *, delete: bool = True) -> None:
        """Add the operations that every object has."""
        self.add_operations(
            Operation("details", "Open details", "inspect", lambda found: self.lead_to(found[0]), single=True),
            Operation("copy", "Copy name", "copy", _copy_name, shortcut="Ctrl+C", single=True),
        )
        if delete:
            self.add_operations(Operation("delete", "Delete…", "remove", self._delete, shortcut="Del"))

    def lead_to(self, record: Any) -> None:
        self.shared.show(self.kind_of(record), record)

    def _delete(self, records: list[Any]) -> None:
        delete_objects(self, self.shared, [(self.kind_of(record), record.meta) for record in records])

    def kind_of(self, record: Any) -> Kind:
        """The kind of a record's object."""
        kind: Kind = record.kind
        return kind


def _copy_name(records: list[Any]) -> None:
    QGuiApplication.clipboard().setText(records[0].meta.name)


def delete_objects(
    parent: QWidget,
    shared: Shared,
    objects: Sequence[tuple[Kind, Meta]],
    done: Callable[[], object] = lambda: None,
) -> None:
    """Delete after a question. :param done: called when it has been agreed to"""
    by_key = {f"{kind.name} {meta.key}": (kind, meta) for kind, meta in objects}
    names = [meta.name for _, meta in objects]

    async def call(client: KubernetesClient, key: str) -> None:
        kind, meta = by_key[key]
        await client.delete(kind, meta.namespace, meta.name)

    def agreed(_: bool) -> None:
        subjects = [(key, meta.name) for key, (_, meta) in by_key.items()]
        shared.cluster.each(subjects, call, "{} could not be deleted", "Deleting")
        done()

    Question(
        parent,
        f"Delete “{names[0]}”?" if len(names) == 1 else f"Delete {len(names)} objects?",
        consequence({kind.name for kind, _ in objects}),
        "Delete",
        names=names if len(names) > 1 else None,
    ).then(agreed)


def consequence(kinds: set[str]) -> str:
    """What a deletion means."""
    if kinds == {"Pod"}:
        return "Its containers are stopped. A pod that belongs to a workload is replaced by a new one."
    if kinds & {"PersistentVolumeClaim", "PersistentVolume"}:
        return "The data in the volume may be deleted with it."
    if kinds & {"Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"}:
        return "Its pods are deleted as well. Volume claims stay."
    return "This cannot be undone."
