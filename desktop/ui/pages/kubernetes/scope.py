"""What the tabs of Kubernetes share: the window, the cluster, and the namespace that they are limited to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from PySide6.QtCore import QObject, Signal

from desktop.ui.context import Context
from desktop.ui.kubernetes.cluster import Cluster
from desktop.ui.kubernetes.forwards import Forwards
from desktop.ui.models.kubernetes.meta import Named
from engine.kubernetes.client.kinds import Kind


class Scope(QObject):
    """The chosen namespace. :ivar namespace: empty for all of them."""

    changed = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.namespace = ""

    def choose(self, namespace: str) -> None:
        """Limit the lists to a namespace; empty for none."""
        if namespace != self.namespace:
            self.namespace = namespace
            self.changed.emit()

    def has(self, item: Named) -> bool:
        """Whether an object is in it. What is in no namespace is in all of them."""
        return not self.namespace or item.meta.namespace in ("", self.namespace)


class Pages(Protocol):
    """What makes the pages of single objects."""

    def show(self, shared: Shared, kind: Kind, record: Named) -> object:
        """Show the page of an object."""

    def find(self, shared: Shared, kind: Kind, namespace: str, name: str) -> None:
        """Show the page of the object that has this name."""


@dataclass(frozen=True)
class Shared:
    """The dependencies of a tab."""

    context: Context
    cluster: Cluster
    scope: Scope
    pages: Pages
    forwards: Forwards

    def show(self, kind: Kind, record: Named) -> None:
        """Show the page of an object."""
        self.pages.show(self, kind, record)

    def find(self, kind: Kind, namespace: str, name: str) -> None:
        """Show the page of the object that has this name."""
        self.pages.find(self, kind, namespace, name)
