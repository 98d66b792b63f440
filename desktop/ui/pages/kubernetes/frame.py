"""The frame of the page of one object: it follows the object, and says when that or the cluster has gone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from desktop.ui.kubernetes.objects import Objects
from desktop.ui.models.kubernetes.meta import Json, Meta
from desktop.ui.pages.detail import DetailPage
from desktop.ui.pages.kubernetes.listed import delete_objects
from desktop.ui.pages.kubernetes.scope import Shared
from desktop.ui.widgets.basics import tool
from desktop.ui.widgets.dialogs import ENGINE
from engine.kubernetes.client.kinds import Kind

PLACE = "kubernetes"
AWAY, DELETED = "Kubernetes is not running", "Deleted"


class ClusterDetail(DetailPage):
    """The page of one object; pages inherit from it."""

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared.context, PLACE, "Back to Kubernetes")
        self.shared = shared
        self.setProperty(ENGINE, shared.cluster.where)
        shared.cluster.went.connect(self._cluster_went)
        shared.cluster.came.connect(self._engine_back)

    def take(self, record: Any) -> None:
        """Show what the object is now; None: it has been deleted."""

    def follow(self, kind: Kind, make: Callable[[Json], Any], meta: Meta) -> None:
        """Follow the object, and offer its deletion. To be called after other operations were added."""
        self._uid = meta.uid
        self.actions_row.addWidget(tool("remove", "Delete…", partial(self._delete, kind, meta), framed=True))
        which = f"metadata.name={meta.name}"
        self._now: Objects[Any] = Objects(
            self.shared.cluster, self, kind, make, meta.namespace, fieldSelector=which
        )
        self._now.changed.connect(self._refresh)

    def _refresh(self) -> None:
        if self._now.known:
            record = self._now.items.get(self._uid)
            if record is None:
                self.state.set_full(DELETED)
            self.take(record)

    def _delete(self, kind: Kind, meta: Meta) -> None:
        back = partial(self.context.places.show_place, PLACE)
        delete_objects(self, self.shared, [(kind, meta)], back)

    def _engine_gone(self) -> None:
        if self.shared.cluster.own:  # else it is no matter
            super()._engine_gone()

    def _cluster_went(self) -> None:
        self.tabs.setEnabled(False)
        self.state.set_full(AWAY)
