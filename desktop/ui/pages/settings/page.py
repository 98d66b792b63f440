"""The page: its tabs, reading the settings, and applying what a tab has changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QScrollArea, QTabWidget, QVBoxLayout, QWidget

from desktop.control.schema import Note, RunState, SettingsReport
from desktop.ui.context import Context
from desktop.ui.pages.settings.behaviour import BehaviourTab
from desktop.ui.pages.settings.diagnosis import DiagnosisTab
from desktop.ui.pages.settings.docker import ContextTab
from desktop.ui.pages.settings.engine import EngineTab
from desktop.ui.pages.settings.folders import FoldersTab
from desktop.ui.pages.settings.form import FormTab
from desktop.ui.pages.settings.proxy import ProxyTab
from desktop.ui.pages.settings.reset import ResetTab
from desktop.ui.pages.settings.resources import ResourcesTab
from desktop.ui.theme import MARGIN, PAD
from desktop.ui.widgets.basics import heading
from vm.errors import UserError

UP = (RunState.RUNNING, RunState.UNREACHABLE, RunState.PAUSED, RunState.STARTING, RunState.RESTARTING)
"""States in which a machine uses the settings it was started with."""


class SettingsPage(QWidget):
    """See the module."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.setObjectName("page")
        self.context = context
        self.report: SettingsReport | None = None
        self.tabs = QTabWidget(documentMode=True)
        self.tabs.tabBar().setDrawBase(False)
        self.tabs.setAccessibleName("Kinds of settings")
        self.resources = ResourcesTab(self)
        self.folders = FoldersTab(self)
        self.behaviour = BehaviourTab(self)
        self.engine = EngineTab(self)
        self.proxy = ProxyTab(self)
        self.docker = ContextTab(self)
        self.diagnosis = DiagnosisTab(self)
        self.reset = ResetTab(self)
        self._places: dict[str, int] = {}
        for name, title, tab in (
            ("resources", "Resources", self.resources),
            ("folders", "Folders", self.folders),
            ("behaviour", "Behaviour", self.behaviour),
            ("engine", "Engine", self.engine),
            ("proxy", "Network", self.proxy),
            ("docker", "Docker context", self.docker),
            ("diagnosis", "Diagnosis", self.diagnosis),
            ("reset", "Reset", self.reset),
        ):
            area = QScrollArea(widgetResizable=True)
            area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            area.setWidget(tab)
            self._places[name] = self.tabs.addTab(area, title)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        outer.setSpacing(PAD)
        outer.addWidget(heading("Settings"))
        outer.addWidget(self.tabs, 1)

    @property
    def forms(self) -> tuple[FormTab, ...]:
        """The tabs of fields."""
        return self.resources, self.folders, self.behaviour, self.engine, self.proxy, self.docker

    @property
    def running(self) -> bool:
        """Whether a machine uses the settings it was started with."""
        status = self.context.session.status
        return status is not None and status.state in UP

    def show_subject(self, subject: str) -> None:
        """Go to a tab, by its module's name."""
        self.tabs.setCurrentIndex(self._places[subject])

    def showEvent(self, event: Any) -> None:
        super().showEvent(event)
        self.load()

    def load(self) -> None:
        """Read everything anew; what has been typed and not applied stays."""
        session = self.context.session
        session.control(lambda client: client.settings_report(), self.show_report, self._unknown, owner=self)
        session.control(lambda client: client.disk(), self.resources.show_disk, owner=self)
        session.control(lambda client: client.context(), self.docker.show_docker, owner=self)

    def show_report(self, report: SettingsReport) -> None:
        """Put the settings into the fields."""
        self.report = report
        for tab in self.forms:
            tab.show_report(report)

    def discard(self) -> None:
        """Read everything anew, and forget what has been typed."""
        for tab in self.forms:
            tab.discard()
        self.load()

    def apply(
        self, changes: Mapping[str, str], *, restart: bool, done: Callable[[], None], failed: Callable[[Any], None]
    ) -> None:
        """Set them all, or none; says whether a restart is needed, and does it when that was asked for."""
        session, banners = self.context.session, self.context.banners

        def told(note: Note) -> None:
            done()
            self.load()
            if not note.restart_needed:
                banners.tell("done", "The settings are applied")
            elif restart:
                banners.tell("done", "The settings are applied; the machine restarts")
                session.restart()
            else:
                words = "The settings are kept, and count from the next start of the machine"
                banners.tell("warning", words, action=("Restart now", self._restart))

        session.control(lambda client: client.set_settings(changes), told, failed, owner=self)

    def _restart(self) -> None:
        for banner in self.context.banners.shown():
            banner.dismiss()
        self.context.session.restart()

    def _unknown(self, error: UserError) -> None:
        reset = ("Reset the settings…", lambda: self.show_subject("reset"))
        self.context.banners.error(error, reset if error.code == "SettingsError" else None)
