"""ConfigMaps and Secrets."""

from __future__ import annotations

from desktop.ui.models.kubernetes import config as model
from desktop.ui.pages.kubernetes.listed import ObjectList
from desktop.ui.pages.kubernetes.scope import Shared
from engine.kubernetes.client.kinds import CONFIG_MAPS, SECRETS


class ConfigList(ObjectList):
    """The tab with both; values are on the page of each."""

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared, "Config", "settings", model.COLUMNS, model.searched)
        self.table.delegate.quiet.update((model.SPACE, model.KIND, model.KEYS, model.CREATED))
        self.add_filters(
            ("All", lambda item: True),
            ("ConfigMaps", lambda item: not item.secret),
            ("Secrets", lambda item: item.secret),
        )
        self.add_common()
        self.explain_empty("No configuration yet", "Create some: kubectl create configmap settings --from-file .")
        for kind in (CONFIG_MAPS, SECRETS):
            self.watch(kind, model.maker(kind))
        self.refresh()
