"""Volume claims and the volumes behind them."""

from __future__ import annotations

from desktop.ui.models.kubernetes import storage as model
from desktop.ui.pages.kubernetes.listed import ObjectList
from desktop.ui.pages.kubernetes.scope import Shared
from engine.kubernetes.client.kinds import CLAIMS, VOLUMES


class StorageList(ObjectList):
    """The tab with both."""

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared, "Storage", "volumes", model.COLUMNS, model.searched)
        self.table.delegate.dots[model.NAME] = lambda item: item.colour
        self.table.delegate.quiet.update(
            (model.SPACE, model.KIND, model.STATUS, model.SIZE, model.CLASS, model.OTHER, model.CREATED)
        )
        self.add_filters(
            ("All", lambda item: True),
            ("Claims", lambda item: item.kind is CLAIMS),
            ("Volumes", lambda item: item.kind is VOLUMES),
        )
        self.add_common()
        self.explain_empty("No volume claims yet", "A pod that wants a volume claims one; it is made at once.")
        self.watch(CLAIMS, model.claim)
        self.watch(VOLUMES, model.volume)
        self.refresh()
