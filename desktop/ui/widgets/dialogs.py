"""Questions and small forms, shown in answer to what the user does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QFrame,
    QLabel,
    QLayout,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from desktop.ui.theme import GAP, MARGIN, PAD
from desktop.ui.widgets.basics import column, label, restyle, row
from desktop.ui.widgets.rows import Rows
from desktop.ui.words import ntr

LONG = 760
"""Height of a form whose fields may need more; its rows grow without moving its buttons."""


class Question(QDialog):
    """Asks before something is lost: what will be lost, and a button with the verb."""

    def __init__(
        self,
        parent: QWidget,
        title: str,
        text: str,
        verb: str,
        *,
        names: list[str] | None = None,
        option: str = "",
        danger: bool = True,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setModal(True)
        self.setMinimumWidth(420)
        outer = _outer(self)
        outer.addWidget(label(title, "section", wrap=True))
        _name_engine(outer, parent)
        outer.addWidget(label(text, "muted", wrap=True))
        if names:
            shown = [f"•  {name}" for name in names[:8]] + (
                [ntr("… and {n} more", "… and {n} more", len(names) - 8)] if len(names) > 8 else []
            )
            outer.addWidget(label("\n".join(shown), wrap=True))
        self.option = QCheckBox(option)
        self.option.setVisible(bool(option))
        outer.addWidget(self.option)
        outer.addStretch()  # surplus height belongs here, not between title and text
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.verb = QPushButton(verb)
        self.verb.setProperty("danger" if danger else "primary", True)
        self.verb.setAccessibleName(verb)
        self.buttons.addButton(self.verb, QDialogButtonBox.ButtonRole.AcceptRole)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        outer.addWidget(self.buttons)
        if danger:  # Return and the space bar must not lose anything
            cancel = self.buttons.button(QDialogButtonBox.StandardButton.Cancel)
            cancel.setProperty("calm", True)
            cancel.setDefault(True)
            restyle(cancel)
            cancel.setFocus()
        else:
            self.verb.setDefault(True)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)

    def showEvent(self, event: QShowEvent) -> None:
        """Fit the height to the wrapped text: Qt computes it for another width."""
        super().showEvent(event)
        layout = self.layout()
        assert layout is not None
        self.resize(self.width(), max(self.height(), layout.totalHeightForWidth(self.width())))

    def then(self, agreed: Callable[[bool], Any]) -> Question:
        """Show the question without blocking; call ``agreed`` with whether the option is ticked."""
        self.accepted.connect(lambda: agreed(self.option.isChecked()))
        self.open()
        return self


class Form(QDialog):
    """Fields with labels. An invalid field is marked with the reason, and the form is not accepted."""

    def __init__(
        self,
        parent: QWidget,
        title: str,
        verb: str,
        text: str = "",
        *,
        long: bool = False,
        danger: bool = False,
    ) -> None:
        """
        :param long: it may be higher than the screen; its fields are scrolled then.
        :param danger: something is lost by it: Return cancels.
        """
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setModal(True)
        self.setMinimumWidth(480)
        self._rows: list[Rows] = []
        self._long = long
        self._checks: list[tuple[QLineEdit, QLabel, Callable[[str], str]]] = []
        self._ordered = False
        self.outer = _outer(self)
        self.outer.addWidget(label(title, "section"))
        _name_engine(self.outer, parent)
        if text:
            self.outer.addWidget(label(text, "muted", wrap=True))
        self.form = QFormLayout()
        self.form.setSpacing(GAP)
        self.form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        self.form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        if long:
            self.outer.addWidget(_scrolled(self.form), 1)
        else:
            self.outer.addLayout(self.form)
            self.outer.addStretch(1)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.verb = QPushButton(verb)
        self.verb.setAccessibleName(verb)
        self.buttons.addButton(self.verb, QDialogButtonBox.ButtonRole.AcceptRole)
        cancel = self.buttons.button(QDialogButtonBox.StandardButton.Cancel)
        cancel.setAutoDefault(danger)
        self.buttons.accepted.connect(self._accepted)
        self.buttons.rejected.connect(self.reject)
        self.outer.addWidget(self.buttons)
        (cancel if danger else self.verb).setDefault(True)
        if danger:
            self.verb.setProperty("danger", True)
            cancel.setProperty("calm", True)
            restyle(self.verb)
            restyle(cancel)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)

    def field(
        self,
        name: str,
        hint: str = "",
        value: str = "",
        check: Callable[[str], str] | None = None,
    ) -> QLineEdit:
        """Add a text field.

        :param check: returns why a text is invalid; empty when it is valid.
        """
        made = QLineEdit(value, placeholderText=hint)
        self.add(name, made)
        if check is not None:
            reason = label("", "reason", wrap=True)
            reason.hide()
            self.form.addRow("", reason)
            self._checks.append((made, reason, check))
            made.textChanged.connect(lambda: self.check())
        return made

    def add(self, name: str, widget: QWidget) -> QWidget:
        """Add a labelled widget."""
        widget.setAccessibleName(name)
        inner = widget.findChild(QLineEdit) if isinstance(widget, QComboBox | QAbstractSpinBox) else None
        if inner is not None:
            inner.setAccessibleName(name)
        caption = label(name)
        caption.setBuddy(widget)
        self.form.addRow(caption, widget)
        return widget

    def add_rows(self, rows: Rows, *below: QWidget | QLayout | None) -> Rows:
        """Add rows of fields under their name, and buttons below them."""
        caption = label(rows.name)
        caption.setFixedHeight(rows.rows[0].sizeHint().height())
        self.form.addRow(caption, column(rows, row(*below, None)) if below else column(rows))
        self._rows.append(rows)
        return rows

    def check(self, *, final: bool = False) -> bool:
        """Mark invalid fields and return whether there are none; empty fields are marked only if ``final``."""
        fine = True
        for rows in self._rows:  # all of them are marked
            fine = rows.check(final=final) and fine
        for field, reason, test in self._checks:
            why = test(field.text().strip())
            fine = fine and not why
            shown = bool(why) and (final or bool(field.text()))
            reason.setText(why)
            reason.setVisible(shown)
            field.setProperty("invalid", shown)
            field.setAccessibleDescription(why if shown else "")
            restyle(field)
        return fine

    def setVisible(self, visible: bool) -> None:
        if visible and not self._ordered:
            self._ordered = True
            self._order()
            if self._long:
                self.resize(self.width(), min(LONG, self.screen().availableSize().height() - 2 * MARGIN))
        super().setVisible(visible)

    def _order(self) -> None:
        """Begin in the first field; Tab goes on to the next ones, the verb and Cancel, which were made before."""
        buttons = (self.verb, self.buttons.button(QDialogButtonBox.StandardButton.Cancel))
        reached = [item for item in _chain(self) if item.focusPolicy() & Qt.FocusPolicy.TabFocus]
        fields = [item for item in reached if item not in buttons and item.isEnabledTo(self)]
        if fields:
            self.setTabOrder(fields[-1], self.verb)
            fields[0].setFocus()

    def _accepted(self) -> None:
        if self.check(final=True):
            self.accept()


def _chain(dialog: QWidget) -> Iterator[QWidget]:
    """The widgets of a window in the order of the Tab key."""
    found = dialog.nextInFocusChain()
    while found is not None and found is not dialog:
        yield found
        found = found.nextInFocusChain()


ENGINE = "engine"
"""A property of widgets: the engine that dialogs above them act on, in words; empty for Slipway's own."""


def _name_engine(outer: QVBoxLayout, parent: QWidget) -> None:
    """Say which engine is meant, unless it is Slipway's own."""
    widget: QWidget | None = parent
    while widget is not None and widget.property(ENGINE) is None:
        widget = widget.parentWidget()
    words = str(widget.property(ENGINE) or "") if widget is not None else ""
    if words:
        outer.addWidget(label(words, "engine_note", wrap=True))


def _scrolled(form: QFormLayout) -> QScrollArea:
    """As high as the form where the screen has room for it."""
    inner = QWidget()
    form.setContentsMargins(0, 0, GAP, 0)
    inner.setLayout(form)
    area = _FormArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(inner)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return area


class _FormArea(QScrollArea):
    def sizeHint(self) -> QSize:
        return self.widget().sizeHint()

    def focusNextPrevChild(self, next: bool) -> bool:
        """What the Tab key reaches comes into sight."""
        moved = super().focusNextPrevChild(next)
        focused = self.widget().focusWidget()
        if moved and focused is not None:
            self.ensureWidgetVisible(focused)
        return moved


def _outer(dialog: QDialog) -> QVBoxLayout:
    outer = QVBoxLayout(dialog)
    outer.setContentsMargins(MARGIN, MARGIN, MARGIN, PAD)
    outer.setSpacing(GAP + 4)
    return outer
