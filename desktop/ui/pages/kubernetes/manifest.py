"""An object as YAML: to read, and to edit with the server's check and the difference shown before."""

from __future__ import annotations

import difflib
from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QSyntaxHighlighter, QTextCharFormat
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QPushButton, QVBoxLayout, QWidget

from desktop.ui.kubernetes.objects import Objects
from desktop.ui.models.kubernetes.config import MASK
from desktop.ui.models.kubernetes.meta import Json, Meta
from desktop.ui.pages.kubernetes.scope import Shared
from desktop.ui.theme import GAP, MARGIN, PAD, theme
from desktop.ui.widgets.basics import SearchField, button, label, row, tool
from desktop.ui.widgets.text_editor import TextEditor
from engine.kubernetes.client import KubernetesClient
from engine.kubernetes.client.kinds import SECRETS, Kind
from engine.kubernetes.client.manifest import dump, load
from vm.errors import UserError

CONTEXT_LINES = 3
"""Around each difference."""

UNINTERESTING = ("status",)
"""What the cluster keeps by itself: no part of a difference."""


class Whole:
    """All of an object."""

    def __init__(self, item: Json) -> None:
        self.meta, self.item = Meta.of(item), item

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Whole) and self.item == other.item

    def __hash__(self) -> int:
        return hash(self.meta)


class ManifestPanel(QWidget):
    """Shows an object as it is now, and writes it back."""

    def __init__(self, shared: Shared, kind: Kind, meta: Meta) -> None:
        super().__init__()
        self._shared, self._kind, self._meta = shared, kind, meta
        self._item: Json | None = None
        self.text = TextEditor(f"{kind.name} as YAML")
        self.search = SearchField("Search the YAML")
        self.search.returnPressed.connect(self._find)
        self.note = label("", "muted")
        self.reveal = tool("eye", "Show the secret values", self._show, checkable=True)
        self.reveal.setVisible(kind is SECRETS)
        self.copy = tool("copy", "Copy", lambda: QGuiApplication.clipboard().setText(self.text.toPlainText()))
        self.edit = button("Edit", self._edit)
        self.cancel = button("Discard", self._discard)
        self.apply = button("Check and apply…", self._check, primary=True)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(GAP)
        outer.addLayout(
            row(
                self.search,
                self.note,
                None,
                self.reveal,
                self.copy,
                self.edit,
                self.cancel,
                self.apply,
            )
        )
        outer.addWidget(self.text, 1)
        self.setFocusProxy(self.text)
        self._set_editing(False)
        which = f"metadata.name={meta.name}"
        self._now = Objects(shared.cluster, self, kind, Whole, meta.namespace, fieldSelector=which)
        self._now.changed.connect(self._refresh)

    @property
    def editing(self) -> bool:
        """Whether the user is changing it."""
        return not self.text.isReadOnly()

    def _refresh(self) -> None:
        """The object has changed, or is known now."""
        if self._now.error is not None:
            self.note.setText(self._now.error.message)
        elif self._now.known:
            found = self._now.items.get(self._meta.uid)
            if found is None:
                self.note.setText("It was deleted.")
            elif self.editing:
                self.note.setText("It has changed since. Discard, and edit it again.")
            else:
                self._take(found.item)

    def _take(self, item: Json) -> None:
        self._item = item
        self._show()

    def _show(self) -> None:
        if self._item is None:
            return
        self.note.setText("")
        masked = self._kind is SECRETS and not self.reveal.isChecked()
        text = dump(_masked(self._item) if masked else self._item)
        if text != self.text.toPlainText():
            bar = self.text.verticalScrollBar()
            place = bar.value()
            self.text.setPlainText(text)
            bar.setValue(place)

    def _set_editing(self, editing: bool) -> None:
        self.text.setReadOnly(not editing)
        for part, shown in (
            (self.edit, not editing),
            (self.cancel, editing),
            (self.apply, editing),
        ):
            part.setVisible(shown)
        self.reveal.setEnabled(not editing)

    def _edit(self) -> None:
        if self._item is None:
            return
        self.reveal.setChecked(True)
        self._show()
        self._set_editing(True)
        self.text.setFocus()

    def _discard(self) -> None:
        self._set_editing(False)
        self.reveal.setChecked(False)
        self._show()
        self._refresh()
        self.text.setFocus()

    def _find(self) -> None:
        if not self.text.find(self.search.text()):
            cursor = self.text.textCursor()
            cursor.setPosition(0)
            self.text.setTextCursor(cursor)
            self.text.find(self.search.text())

    def _check(self) -> None:
        """Have the server check it, and show what would change."""
        try:
            wanted = load(self.text.toPlainText())
        except UserError as error:
            self._shared.context.banners.error(error)
            return
        kind, before = self._kind, self._item or {}
        self.apply.setEnabled(False)

        async def check(client: KubernetesClient) -> Json:
            return await client.replace(kind, wanted, dry_run=True)

        def checked(after: Json) -> None:
            self.apply.setEnabled(True)
            lines = difference(before, after)
            if not lines:
                self._shared.context.banners.show_message("info", "Nothing would change")
                return
            DifferenceDialog(
                self, f"Apply the changes to “{self._meta.name}”?", lines, lambda: self._apply(wanted)
            ).open()

        self._shared.cluster.call(check, checked, self._refused, owner=self)

    def _refused(self, error: UserError) -> None:
        self.apply.setEnabled(True)
        self._shared.context.banners.error(error)

    def _apply(self, wanted: Json) -> None:
        kind = self._kind

        async def replace(client: KubernetesClient) -> Json:
            return await client.replace(kind, wanted)

        def done(item: Json) -> None:
            self._set_editing(False)
            self.reveal.setChecked(False)
            self._take(item)
            self._shared.context.banners.show_message("done", f"“{self._meta.name}” was changed")

        self._shared.cluster.call(replace, done, self._shared.context.banners.error, owner=self)


def _masked(item: Json) -> Json:
    """A secret without its values, wherever kubectl has left a copy of them."""
    made = dict(item)
    for part in ("data", "stringData"):
        if part in made:
            made[part] = dict.fromkeys(made[part] or {}, MASK)
    notes = (item.get("metadata") or {}).get("annotations") or {}
    hidden = {key: MASK if key.endswith("last-applied-configuration") else value for key, value in notes.items()}
    return {**made, "metadata": {**item["metadata"], "annotations": hidden}} if notes else made


def difference(before: Json, after: Json) -> list[str]:
    """Lines of a unified difference, without its head."""
    old, new = (
        dump({key: value for key, value in one.items() if key not in UNINTERESTING}).splitlines()
        for one in (before, after)
    )
    found = difflib.unified_diff(old, new, lineterm="", n=CONTEXT_LINES)
    return [line for line in list(found)[2:] if "resourceVersion:" not in line and "generation:" not in line]


class DifferenceDialog(QDialog):
    """What would change; changes it when that is agreed to."""

    def __init__(self, parent: QWidget, title: str, lines: list[str], agreed: Callable[[], object]) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setModal(True)
        self.setMinimumSize(640, 420)
        text = self.text = TextEditor("Changes")
        text.setPlainText("\n".join(lines))
        self._colours = _Colours(text.document())
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.verb = QPushButton("Apply")
        self.verb.setAccessibleName("Apply")
        self.verb.setDefault(True)
        self.buttons.addButton(self.verb, QDialogButtonBox.ButtonRole.AcceptRole)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        self.accepted.connect(agreed)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(MARGIN, MARGIN, MARGIN, PAD)
        outer.setSpacing(GAP + 4)
        outer.addWidget(label(title, "section", wrap=True))
        outer.addWidget(label("The cluster has checked them.", "muted"))
        outer.addWidget(text, 1)
        outer.addWidget(self.buttons)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.verb.setFocus()


class _Colours(QSyntaxHighlighter):
    """Colours of lines that come and go; the signs before them say the same."""

    def highlightBlock(self, text: str) -> None:
        token = {"+": "good", "-": "bad", "@": "muted"}.get(text[:1])
        if token is not None:
            made = QTextCharFormat()
            made.setForeground(theme().colour(token))
            self.setFormat(0, len(text), made)
