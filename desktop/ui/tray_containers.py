"""The tray's menu of the running containers: their pages, their ports in a browser, restart and stop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QMenu

from desktop.ui.context import Context
from desktop.ui.models.containers import Line, is_in_pod, line, port_address
from desktop.ui.pages.container_operations import operations

MOST = 20
"""Containers in the menu; the window has them all."""


class RunningMenu(QMenu):
    """One entry for each running container.

    :param show: shows the page of a container.    :param show_all: shows the list.
    """

    def __init__(self, context: Context, show: Callable[[Line], object], show_all: Callable[[], object]) -> None:
        super().__init__()
        self._context, self._show, self._show_all = context, show, show_all
        for one in context.both:
            one.lists.containers.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show those of now."""
        lines = sorted(self._lines(), key=lambda item: item.name)
        for action in self.actions():
            if (menu := action.menu()) is not None:
                menu.deleteLater()
        self.clear()
        self.setTitle(f"Running containers: {len(lines)}" if lines else "No running containers")
        self.setEnabled(bool(lines))
        for item in lines[:MOST]:
            self._add(item)
        if len(lines) > MOST:
            self.addAction(f"{len(lines) - MOST} more…", self._show_all)

    def _lines(self) -> Iterator[Line]:
        for one in self._context.both:
            for container in one.lists.containers.items:
                if container.state == "running" and not is_in_pod(container):
                    yield line(container, origin=one.view.origin)

    def _add(self, item: Line) -> None:
        menu = QMenu(item.name.replace("&", "&&"), self)
        menu.addAction("Open", partial(self._show, item))
        host = self._context.at(item).connection.host
        for port in item.ports:
            if port.protocol == "tcp":
                url = port_address(port, host)
                menu.addAction(f"Open {url}", partial(QDesktopServices.openUrl, QUrl(url)))
        menu.addSeparator()
        menu.addAction("Restart", partial(self._do, item, "restart"))
        menu.addAction("Stop", partial(self._do, item, "stop"))
        self.addMenu(menu)

    def _do(self, item: Line, name: str) -> None:
        wanted = operations(self, self._context)
        next(operation for operation in wanted if operation.name == name).run([item])
