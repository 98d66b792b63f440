"""The values of a ConfigMap or Secret; those of a secret are shown when they are asked for."""

from __future__ import annotations

from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import QPlainTextEdit, QVBoxLayout, QWidget

from desktop.ui.models.kubernetes.config import MASK, value
from desktop.ui.models.kubernetes.meta import Json, Meta
from desktop.ui.models.records import Column, Row
from desktop.ui.pages.kubernetes.scope import Shared
from desktop.ui.theme import GAP
from desktop.ui.widgets.basics import label, row, tool
from desktop.ui.widgets.table import Table
from engine.kubernetes.client import KubernetesClient
from engine.kubernetes.client.kinds import SECRETS, Kind

KEYS_WIDTH = 260


class ValuesPanel(QWidget):
    """Keys on the left, the value of the chosen one on the right."""

    def __init__(self, shared: Shared, kind: Kind, meta: Meta) -> None:
        super().__init__()
        self._shared, self._kind, self._meta = shared, kind, meta
        self._item: Json = {}
        self.secret = kind is SECRETS
        self.keys = Table((Column("Key", str, width=0),), "Keys")
        self.value = QPlainTextEdit(readOnly=True)
        self.value.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.value.setAccessibleName("Value")
        self.value.setTabChangesFocus(True)
        self.note = label("", "muted")
        self.reveal = tool("eye", "Show the secret values", self._show, checkable=True)
        self.reveal.setVisible(self.secret)
        self.copy = tool("copy", "Copy the value", self._copy)
        self.keys.setFixedWidth(KEYS_WIDTH)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(GAP)
        outer.addLayout(row(self.note, None, self.reveal, self.copy))
        parts = row(self.keys, self.value)
        parts.setStretch(1, 1)
        outer.addLayout(parts, 1)
        self.setFocusProxy(self.keys)
        self.keys.chosen_changed.connect(self._show)
        self.read()

    def read(self) -> None:
        """Read them from the cluster."""
        kind, meta = self._kind, self._meta

        async def get(client: KubernetesClient) -> Json:
            return await client.get(kind, meta.namespace, meta.name)

        self._shared.cluster.call(get, self._take, lambda error: self.note.setText(error.message), owner=self)

    def _take(self, item: Json) -> None:
        self._item = item
        keys = sorted((*(item.get("data") or {}), *(item.get("binaryData") or {})))
        self.keys.records.update_rows([Row(key, key) for key in keys])
        self.note.setText("" if keys else "It has no values.")
        if keys and not self.keys.chosen():
            self.keys.choose(keys[0])
        self._show()

    def _chosen(self) -> str:
        found = self.keys.chosen()
        return found[0].key if found else ""

    def _show(self) -> None:
        key = self._chosen()
        hidden = self.secret and not self.reveal.isChecked()
        self.value.setPlainText("" if not key else MASK if hidden else value(self._item, key))

    def _copy(self) -> None:
        if self._chosen():
            QGuiApplication.clipboard().setText(value(self._item, self._chosen()))
            self._shared.context.banners.show_message("done", "Value copied")
