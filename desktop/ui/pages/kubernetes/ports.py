"""The ports of a pod or service on this computer: one click forwards one, another stops it."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QScrollArea, QSpinBox, QVBoxLayout, QWidget

from desktop.ui.kubernetes.forwards import Target
from desktop.ui.models.format import counted
from desktop.ui.models.kubernetes.meta import Meta
from desktop.ui.pages.kubernetes.scope import Shared
from desktop.ui.theme import GAP, PAD
from desktop.ui.widgets.basics import Elided, button, card, label, link, row
from desktop.ui.widgets.dot import StateDot
from engine.kubernetes.client.kinds import Kind

HIGHEST = 65_535
PORT_WIDTH, BUTTON_WIDTH = 90, 90
EXPLANATION = "A forwarded port answers on this computer only, until you stop it or close Slipway's window."
NO_PORTS = "It declares no ports. Any port can be forwarded all the same."


class PortsPanel(QScrollArea):
    """The tab."""

    def __init__(self, shared: Shared, kind: Kind, meta: Meta, ports: Iterable[int]) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._shared, self._forwards = shared, shared.forwards
        self._object = shared.cluster.other, kind, meta.namespace, meta.name
        self.rows: dict[Target, PortRow] = {}
        self.none = label(NO_PORTS, "muted", wrap=True)
        self._list = QVBoxLayout()
        self._list.setSpacing(GAP)
        self.port = QSpinBox(minimum=1, maximum=HIGHEST, value=80)
        self.local = QSpinBox(minimum=0, maximum=HIGHEST)
        self.local.setSpecialValueText("any that is free")
        for field, name in ((self.port, "Other port"), (self.local, "Port on this computer")):
            field.setAccessibleName(name)
            field.lineEdit().setAccessibleName(name)
            field.setButtonSymbols(QSpinBox.ButtonSymbols.NoButtons)
        self.other = button("Forward", self._forward_other)
        self.other.setAccessibleName("Forward the other port")
        inner = QWidget()
        outer = QVBoxLayout(inner)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(PAD)
        fields = row(label("Other port"), self.port, label("on this computer"), self.local, self.other, None)
        outer.addWidget(card(self.none, self._list, fields, gap=PAD))
        outer.addWidget(label(EXPLANATION, "small", wrap=True))
        outer.addStretch(1)
        self.setWidget(inner)
        self._forwards.changed.connect(self.refresh)
        self.offer(ports)

    def offer(self, ports: Iterable[int]) -> None:
        """Have a row for each of these ports, and for each that is forwarded."""
        targets = [self._target(port) for port in ports]
        targets += sorted(
            (one for one in self._forwards.known() if one == self._target(one.port)), key=lambda one: one.port
        )
        for target in targets:
            if target not in self.rows:
                made = self.rows[target] = PortRow(self._shared, target)
                self._list.addWidget(made)
        self.none.setVisible(not self.rows)
        self.setFocusProxy(next(iter(self.rows.values())).turn if self.rows else self.port)

    def refresh(self) -> None:
        """Show what is forwarded now."""
        self.offer(())
        for one in self.rows.values():
            one.refresh()

    def _target(self, port: int) -> Target:
        return Target(*self._object, port)

    def _forward_other(self) -> None:
        target = self._target(self.port.value())
        self._forwards.stop(target)
        self._forwards.start(target, self.local.value())


class PortRow(QWidget):
    """One port: where it is forwarded to, and the button."""

    def __init__(self, shared: Shared, target: Target) -> None:
        super().__init__()
        self._forwards, self._target = shared.forwards, target
        self.dot = StateDot("")
        name = label(f"Port {target.port}")
        name.setFixedWidth(PORT_WIDTH)
        self.link = link("", self._open)
        self.note = Elided("", "muted")
        self.turn = button("Forward", self._turn)
        self.turn.setMinimumWidth(BUTTON_WIDTH)
        inner = row(self.dot, name, self.turn, self.link, self.note)
        inner.setStretch(4, 1)
        self.setLayout(inner)
        self.refresh()

    def refresh(self) -> None:
        """Show how it is now."""
        found, failed = self._forwards.open.get(self._target), self._forwards.failed.get(self._target)
        begins = self._forwards.begins(self._target)
        self.link.setVisible(found is not None)
        words, colour = "", ""
        if found is not None:
            self.link.setText(f"localhost:{found.port}")
            self.link.setAccessibleName(f"Open localhost:{found.port}")
            words, colour = counted(found.connections, "connection") if found.connections else "", "running"
            if found.failure is not None:
                words, colour = f"{found.failure.message}. {found.failure.hint}".strip(), "unhealthy"
        elif failed is not None:
            words, colour = f"{failed.message}. {failed.hint}".strip(), "failed"
        elif begins:
            words, colour = "…", "starting"
        self.note.set_full(words)
        self.dot.state = colour
        self.dot.update()
        stops = begins or found is not None
        self.turn.setText("Stop" if stops else "Forward")
        self.turn.setAccessibleName(f"{'Stop forwarding' if stops else 'Forward'} port {self._target.port}")

    def _turn(self) -> None:
        if self._target in self._forwards.open or self._forwards.begins(self._target):
            self._forwards.stop(self._target)
        else:
            self._forwards.start(self._target)

    def _open(self) -> None:
        found = self._forwards.open.get(self._target)
        if found is not None:
            QDesktopServices.openUrl(QUrl(found.url(self._target.port)))
