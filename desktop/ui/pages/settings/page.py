"""The page: its tabs around one model of the settings, and the bar that applies it."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QScrollArea, QStackedWidget, QTabWidget, QVBoxLayout, QWidget

from desktop.control.schema import Note
from desktop.settings.schema import Settings
from desktop.ui.context import Context
from desktop.ui.models.settings import SettingsModel
from desktop.ui.pages.settings.bar import ApplyBar
from desktop.ui.pages.settings.behaviour import BehaviourTab
from desktop.ui.pages.settings.diagnosis import DiagnosisTab
from desktop.ui.pages.settings.docker import ContextTab
from desktop.ui.pages.settings.engine import EngineTab
from desktop.ui.pages.settings.folders import FoldersTab
from desktop.ui.pages.settings.form import SettingsForm
from desktop.ui.pages.settings.proxy import ProxyTab
from desktop.ui.pages.settings.reset import ResetTab
from desktop.ui.pages.settings.resources import ResourcesTab
from desktop.ui.pages.settings.search import Find, SearchResults, gather
from desktop.ui.pages.settings.tls import TlsTab
from desktop.ui.pages.settings.windows import WindowsTab
from desktop.ui.theme import MARGIN, PAD
from desktop.ui.widgets.basics import SearchField, heading, row
from desktop.ui.widgets.scroll import ScrolledPage, kept_from_the_edge
from desktop.ui.words import tr
from vm.errors import UserError


class SettingsPage(QWidget):
    """All settings, the diagnosis and reset. :ivar model: what the tabs edit together."""

    def __init__(self, context: Context, schema: type[Settings] = Settings) -> None:
        super().__init__()
        self.setObjectName("page")
        self._context = context
        self.model = model = SettingsModel(context.session, schema, self)
        self.tabs = QTabWidget(documentMode=True)
        self.tabs.tabBar().setDrawBase(False)
        self.tabs.setAccessibleName(tr("Kinds of settings"))
        self.resources = ResourcesTab(context, model)
        self.folders = FoldersTab(context, model)
        self.behaviour = BehaviourTab(context, model)
        self.engine = EngineTab(model)
        self.windows = WindowsTab(model)
        self.proxy = ProxyTab(model)
        self.docker = ContextTab(context, model)
        self.tls = TlsTab(context)
        self.diagnosis = DiagnosisTab(context)
        self.reset = ResetTab(context, model)
        self._places: dict[str, int] = {}
        for name, title, tab in (
            ("resources", tr("Resources"), self.resources),
            ("folders", tr("Folders"), self.folders),
            ("behaviour", tr("Behaviour"), self.behaviour),
            ("engine", tr("Engine"), self.engine),
            ("windows", tr("Windows containers"), self.windows),
            ("proxy", tr("Network"), self.proxy),
            ("docker", tr("Docker context"), self.docker),
            ("tls", "TLS", self.tls),
            ("diagnosis", tr("Diagnosis"), self.diagnosis),
            ("reset", tr("Reset"), self.reset),
        ):
            self._places[name] = self.tabs.addTab(ScrolledPage(tab), title)
        self.bar = ApplyBar(model, self._elsewhere)
        self.search = SearchField(tr("Search settings"))
        self.results = SearchResults(self.search)
        self._body = QStackedWidget()
        self._body.addWidget(self.tabs)
        self._body.addWidget(kept_from_the_edge(self.results))
        outer = QVBoxLayout(self)
        outer.setContentsMargins(MARGIN, MARGIN, 0, MARGIN)  # what is below keeps the right margin itself
        outer.setSpacing(PAD)
        outer.addWidget(kept_from_the_edge(row(heading(tr("Settings")), None, self.search)))
        outer.addWidget(self._body, 1)
        outer.addWidget(kept_from_the_edge(self.bar))
        self.search.textChanged.connect(self._search)
        self.results.chosen.connect(self._go_to)
        self.tabs.currentChanged.connect(self._show_bar)
        model.changed.connect(self._show_bar)
        model.applied.connect(self._applied)
        model.unreadable.connect(self._unreadable)

    def show_subject(self, subject: str) -> None:
        """Go to a tab, by its module's name."""
        self.tabs.setCurrentIndex(self._places[subject])

    def showEvent(self, event: Any) -> None:
        super().showEvent(event)
        self.model.load()

    def _search(self, text: str) -> None:
        self._body.setCurrentIndex(int(bool(text.strip())))
        if text.strip():
            tabs = [(key, self.tabs.tabText(place), self._tab(place)) for key, place in self._places.items()]
            self.results.look(text, gather(tabs))

    def _go_to(self, find: Find) -> None:
        self.search.clear()
        self.show_subject(find.tab)
        find.widget.setFocus(Qt.FocusReason.ShortcutFocusReason)
        area = self.tabs.currentWidget()
        assert isinstance(area, QScrollArea)
        area.ensureWidgetVisible(find.widget, 0, 2 * MARGIN)

    def _tab(self, place: int) -> QWidget:
        area = self.tabs.widget(place)
        assert isinstance(area, QScrollArea)
        return area.widget()

    @property
    def _shown(self) -> QWidget:
        return self._tab(self.tabs.currentIndex())

    def _show_bar(self) -> None:
        self.bar.setVisible(self.model.dirty or isinstance(self._shown, SettingsForm))
        self.bar.refresh()

    def _elsewhere(self, path: str) -> str:
        """The title of the tab that has to be shown to edit a setting; empty when it is shown already."""
        shown, area = self._shown, self.model.field(path).section.area
        if isinstance(shown, SettingsForm) and any(f"{path}.".startswith(f"{known}.") for known in shown.editors):
            return ""
        return self.tabs.tabText(self._places[area])

    def _applied(self, note: Note, restarts: bool) -> None:
        banners = self._context.banners
        if not note.restart_needed:
            banners.show_message("done", tr("Saved"))
        elif restarts:
            banners.show_message("done", tr("Saved. Slipway restarts now"))
        else:
            banners.show_message(
                "warning", tr("Saved. Takes effect after a restart"), action=(tr("Restart now"), self._restart)
            )

    def _restart(self) -> None:
        for banner in self._context.banners.shown():
            banner.dismiss()
        self._context.session.restart()

    def _unreadable(self, error: UserError) -> None:
        reset = (tr("Reset settings…"), lambda: self.show_subject("reset"))
        self._context.banners.error(error, reset if error.code == "SettingsError" else None)
