"""The main window: sidebar, pages, messages and the state bar."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QByteArray, QSettings, QSize, Qt, Signal
from PySide6.QtGui import QCloseEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QMainWindow,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from desktop.control.schema import EngineState, RunState
from desktop.ui.context import Context, Sided, Subjects
from desktop.ui.deferred import deferred
from desktop.ui.engine_connection import Asked, State, warning
from desktop.ui.engines import OWN, Engines, Entry
from desktop.ui.icons import app_icon
from desktop.ui.memory import memory
from desktop.ui.models.collections import Collections
from desktop.ui.models.logs.looks import Kept
from desktop.ui.models.states import TITLES
from desktop.ui.outcomes import MachineActivity, tell_outcome
from desktop.ui.session import Session
from desktop.ui.switching import ask_to_switch
from desktop.ui.theme import GAP, MARGIN, PAD
from desktop.ui.widgets.activity_button import ActivityButton
from desktop.ui.widgets.banner import Banners
from desktop.ui.widgets.basics import Elided, Picture, button, label, row, tool
from desktop.ui.widgets.dialogs import ENGINE
from desktop.ui.widgets.drawer import KEYS as DRAWER_KEYS
from desktop.ui.widgets.drawer import Drawer
from desktop.ui.widgets.menu_key import MenuKey
from desktop.ui.widgets.sidebar import Sidebar
from desktop.ui.widgets.zoom import zoom
from desktop.ui.words import key_names, mark, tr
from vm.errors import UserError

if TYPE_CHECKING:
    from desktop.ui.pages.engines import EnginesDialog
    from desktop.ui.pages.palette import Palette

PLACES = (
    ("home", mark("Home")),
    ("containers", mark("Containers")),
    ("images", mark("Images")),
    ("volumes", mark("Volumes")),
    ("networks", mark("Networks")),
    ("logs", mark("Logs")),
    ("kubernetes", "Kubernetes"),
    ("settings", mark("Settings")),
)

SWARM_PLACES = (("services", mark("Services")), ("nodes", mark("Nodes")))
"""Shown while the engine manages a swarm; Ctrl+8 and Ctrl+9."""

OWN_PLACES = ("home", "kubernetes", "settings")
"""They are about Slipway's own machine, whichever engine the others follow."""

SHORTCUTS = (
    (
        mark("Everywhere"),
        (
            (f"Ctrl+1 … Ctrl+{len(PLACES)}", mark("Go to a place in the sidebar")),
            ("Ctrl+K", mark("Find anything: an object, a command, a setting")),
            ("Ctrl+E", mark("Choose an engine")),
            ("Ctrl+Shift+A", mark("Show the activity: what runs, and what came of it")),
            ("Ctrl+F", mark("Search the list or the log")),
            ("Ctrl+N", mark("Run a container")),
            ("Ctrl+L", mark("Pull an image")),
            ("F5", mark("Refresh")),
            ("F6", mark("Move between page and sidebar")),
            (DRAWER_KEYS, mark("Show, or hide, the terminals")),
            (mark("Alt+Left, Esc"), mark("Back to the list; Esc there closes the side panel")),
            ("F1", mark("Show this list")),
        ),
    ),
    (
        mark("In a list"),
        (
            (mark("Up, Down"), mark("Select; with Shift several, Ctrl+A all")),
            (mark("Left, Right"), mark("Collapse or expand a group")),
            (mark("Return"), mark("Open the selected item")),
            (mark("Menu, Shift+F10"), mark("Show its menu")),
            (mark("Del"), mark("Remove")),
            (mark("Ctrl+Return, Ctrl+S"), mark("Start, stop")),
            ("Ctrl+R, Ctrl+Shift+K", mark("Restart, kill")),
            ("Ctrl+P, Ctrl+Shift+P", mark("Pause, resume")),
            ("Ctrl+G, Ctrl+T", mark("Logs, terminal")),
            ("Ctrl+O", mark("Open its port in the browser")),
            ("F2, Ctrl+C", mark("Rename, copy the ID")),
        ),
    ),
    (
        mark("In a terminal, a log, a folder"),
        (
            ("Ctrl++, Ctrl+−, Ctrl+0", mark("Larger and smaller text")),
            ("Ctrl+Shift+C, Ctrl+Shift+V", mark("Copy and paste in a terminal")),
            (mark("Shift+PageUp, Shift+PageDown"), mark("Scroll a terminal")),
            ("Ctrl+P Ctrl+Q", mark("Detach a terminal")),
            ("F3, Shift+F3", mark("Next match, previous match")),
            (mark("Return"), mark("Open the link at the cursor of a log")),
            (mark("Backspace"), mark("Go to the parent folder")),
        ),
    ),
)
"""Groups of keys and what they do."""

LAMPS = {State.CONNECTED: "running", State.CONNECTING: "starting", State.LOST: "failed", State.CLOSED: ""}
"""State of a connection → the state whose colour it has."""

choose_among, ask_user = deferred("pages.engines:EnginesDialog"), deferred("pages.engines:ask_user")
open_palette = deferred("pages.palette:open_palette")

SMALLEST = QSize(960, 560)
AT_FIRST = QSize(1280, 800)


class Window(QMainWindow):
    """The main window. Places are reached by Ctrl and their number."""

    closed = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.banners, self.drawer = Banners(), Drawer(memory(session.paths.home))
        self.logs = Kept()
        zoom().remember(self._memory())
        beside = Context(session, session.beside, Collections(session.beside), self)
        self.context = Context(session, session.view, Collections(session.view), self, beside)
        self.setWindowTitle("Slipway")
        self.setWindowIcon(app_icon())
        self.setMinimumSize(self._on_screen(SMALLEST))
        self.pages: dict[str, QWidget] = {}
        self.stack = QStackedWidget()
        self.engines = Engines(session, self._memory())
        self.side = Sidebar(_shown(PLACES), self.show_place, self.choose_engine, _shown(SWARM_PLACES))
        self._state = Elided(kind="small")
        self._endpoint = label("", "small", select=True)
        self.activity = ActivityButton(session.activities, self.show_activity)
        body = QWidget()
        body.setObjectName("page")
        inner = QVBoxLayout(body)
        inner.setContentsMargins(0, GAP, 0, 0)
        inner.addWidget(self.drawer.below(self.stack), 1)
        inner.addWidget(self.banners)
        whole = QWidget()
        outer = QGridLayout(whole)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(self.side, 0, 0)
        outer.addWidget(body, 0, 1)
        outer.addWidget(self._make_state_bar(), 1, 0, 1, 2)
        outer.setColumnStretch(1, 1)
        self.setCentralWidget(whole)
        self._make_shortcuts()
        MenuKey(self)
        for changed in (session.status_changed, session.view.changed):
            changed.connect(self._show_state)
        session.view.exchanged.connect(self._engine_changed)
        session.own.ready.connect(self.banners.forget_failures)
        session.view.ready.connect(self._ask_swarm)
        session.view.asked.connect(self._ask_user)
        self.drawer.left.connect(self._focus_page)
        session.activities.ended.connect(lambda job: tell_outcome(job, self.banners, self.show_activity))
        self.banners.erred.connect(session.activities.report)
        MachineActivity(session)
        self._show_state()
        self._restore()
        self.show_place("home")
        self.engines.restore()

    # -- places ---------------------------------------------------------------------------------------------------

    def show_place(self, name: str, subject: str = "") -> None:
        """Show a place, and a subject of its page."""
        back = self._drop_detail()
        page = self.page(name)
        self.stack.setCurrentWidget(page)
        self.side.choose(name)
        if back:
            page.setFocus()
        if subject:
            assert isinstance(page, Subjects)
            page.show_subject(subject)

    def page(self, name: str) -> QWidget:
        """The page of a place, made if need be."""
        page = self.pages.get(name)
        if page is None:
            page = self.pages[name] = self._make_page(name)
            self.stack.addWidget(page)
        return page

    def places(self) -> list[tuple[str, str]]:
        """Those that are offered: key and title."""
        return [(key, title) for key, title in _shown((*PLACES, *SWARM_PLACES)) if self.side.offers(key)]

    def _make_page(self, name: str) -> QWidget:
        """Import a page when it is first shown, so that the window paints sooner."""
        made = deferred(f"pages.{name}:{name.capitalize()}Page")(self.context)
        assert isinstance(made, QWidget)
        if name in OWN_PLACES:
            made.setProperty(ENGINE, "")
        return made

    def show_page(self, page: QWidget) -> None:
        """Show the page of one object; it is deleted when another page is shown."""
        self._drop_detail()
        self.stack.addWidget(page)
        self.stack.setCurrentWidget(page)
        page.setFocus()

    @property
    def place(self) -> str:
        """The key of the current place."""
        return self.side.chosen

    def _drop_detail(self) -> bool:
        """Close the page of one object; whether there was one, with the focus in it."""
        current = self.stack.currentWidget()
        if current is None or current in self.pages.values():
            return False
        focus = QApplication.focusWidget()
        inside = focus is not None and current.isAncestorOf(focus)
        self.stack.removeWidget(current)
        current.close()
        current.deleteLater()
        return inside

    def _make_state_bar(self) -> QWidget:
        bar = QFrame()
        bar.setObjectName("statebar")
        inner = QHBoxLayout(bar)
        inner.setContentsMargins(PAD, 4, PAD, 4)
        inner.addWidget(Picture("machine", 16))
        inner.addWidget(self._state, 1)
        inner.addWidget(self._endpoint)
        terminals = tool("terminal", tr("Terminals ({})").format(DRAWER_KEYS), self.drawer.toggle)
        terminals.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the focus where it is
        inner.addWidget(self.activity)
        inner.addWidget(terminals)
        inner.addWidget(tool("info", tr("Keyboard shortcuts (F1)"), self.show_shortcuts))
        return bar

    def _show_state(self) -> None:
        chosen = self.session.chosen
        if chosen.endpoint is not None:
            words = [chosen.title, warning(chosen.endpoint), chosen.state.value]
            if chosen.connected and chosen.version is not None:
                words += [f"Moby {chosen.version.version}", f"{chosen.version.os}/{chosen.version.arch}"]
            if chosen.error is not None:
                words.append(chosen.error.message)
            self._state.set_full("  ·  ".join(word for word in words if word))
            self._endpoint.setText(chosen.endpoint.address)
            state = " · ".join(word for word in (chosen.state.value, warning(chosen.endpoint)) if word)
            self.side.engine.show_engine(chosen.title, state, LAMPS[chosen.state])
            return
        self._show_own_state()

    def _show_own_state(self) -> None:
        status = self.session.status
        if status is None:
            error = self.session.error
            self._state.set_full(error.message if error else self.session.progress or tr("Connecting …"))
            self._endpoint.setText("")
            self.side.engine.show_engine(
                tr("This computer"), tr("Connecting …") if error is None else tr("Not running"), ""
            )
            return
        words = [self.session.state_words]
        if status.engine is not None:
            words.append(f"Moby {status.engine.version}")
            words.append(f"{status.engine.os}/{status.engine.arch}")
        if status.accelerator is not None and status.state is RunState.RUNNING:
            words.append(tr("software emulation") if status.accelerator.emulated else status.accelerator.name)
        if status.stage:
            words.append(status.stage)
        beside = [one for one in status.engines if one.used and not one.in_use]
        words += [f"{one.title}: {tr(TITLES[one.state]).lower()}" for one in beside]
        self._state.set_full("  ·  ".join(words))
        self._endpoint.setText(status.socket)
        used = next((one.title for one in status.engines if one.in_use), "")
        several = sum(not one.obstacle for one in status.engines) > 1
        name = used if several else tr("This computer")
        self.side.engine.show_engine(name, self.session.state_words, status.state.value)

    # -- engines --------------------------------------------------------------------------------------------------

    def choose_engine(self) -> EnginesDialog:
        """Open the choice of the engine that the pages follow."""
        endpoint = self.session.chosen.endpoint
        current = OWN if endpoint is None else f"context:{endpoint.name}"
        dialog: EnginesDialog = choose_among(self, self.engines, current, self._choose)
        dialog.open()
        return dialog

    def switch(self, engine: EngineState) -> None:
        """Switch to another of Slipway's own engines, after a question."""
        ask_to_switch(self, self.context, engine)

    def _choose(self, entry: Entry) -> None:
        try:
            self.engines.choose(replace(entry, key=OWN) if entry.switch is not None else entry)
            if entry.switch is not None:
                self.switch(entry.switch)
        except UserError as error:
            self.banners.error(error)

    def _engine_changed(self) -> None:
        """The pages of objects, and what was said, belong to the engine before."""
        self.banners.clear()
        self.drawer.close_all()
        chosen = self.session.chosen
        self._back()
        other = chosen.endpoint is not None
        where = (
            tr("On “{title}”, {address}", title=chosen.title, address=chosen.endpoint.address)
            if chosen.endpoint is not None
            else ""
        )
        self.setProperty(ENGINE, where)
        self.setWindowTitle(f"{chosen.title} – Slipway" if other else "Slipway")
        self.side.show_extra(False)
        if self.place in (*dict(SWARM_PLACES), *(OWN_PLACES if other else ())):
            self.show_place("containers")
        if warning(chosen.endpoint):
            self.banners.show_message(
                "warning",
                tr("The connection to “{title}” is not encrypted", title=chosen.title),
                tr(
                    "Anyone on the way can read it and use the engine. Give the context TLS certificates, or use ssh://."
                ),
            )
        self._show_state()

    def _ask_swarm(self) -> None:
        def told(info: dict[str, Any]) -> None:
            manages = bool((info.get("Swarm") or {}).get("ControlAvailable"))
            self.side.show_extra(manages)
            if not manages and self.place in dict(SWARM_PLACES):
                self.show_place("containers")

        self.session.bridge.call(self.session.engine.info(), told, lambda _: None, owner=self)

    def _ask_user(self, asked: Asked) -> None:
        chosen = self.session.chosen
        if asked.question.notice:
            self.banners.show_message("info", asked.question.text)
        else:
            dialog = ask_user(self, chosen.title, asked, chosen.answer)
            # ssh may give up before the user answers
            link = self.session.view.changed.connect(lambda: self._close_unless_asked(dialog))
            dialog.finished.connect(lambda _: self.session.view.changed.disconnect(link))

    def _close_unless_asked(self, dialog: QDialog) -> None:
        if self.session.chosen.state is not State.CONNECTING:
            dialog.reject()

    # -- keys -----------------------------------------------------------------------------------------------------

    def _make_shortcuts(self) -> None:
        for number, (key, _) in enumerate((*PLACES, *SWARM_PLACES), 1):
            self._key(f"Ctrl+{number}", partial(self._show_if_offered, key))
        self._key("Ctrl+K", self.show_palette)
        self._key("Ctrl+E", self.choose_engine)
        self._key("Ctrl+Shift+A", self.show_activity)
        self._key("F5", self._refresh)
        self._key("F1", self.show_shortcuts)
        self._key("F6", self._changeside)
        self._key(DRAWER_KEYS, self.drawer.toggle)
        self._key("Ctrl+N", partial(self.show_place, "containers", "run"))
        self._key("Ctrl+L", partial(self.show_place, "images", "pull"))
        self._key("Alt+Left", self._back)
        self._key("Esc", self._escape)

    def _key(self, keys: str, action: Callable[[], object]) -> None:
        QShortcut(QKeySequence(keys), self, lambda: action())

    def _show_if_offered(self, key: str) -> None:
        if self.side.offers(key):
            self.show_place(key)
            self.pages[key].setFocus()

    def _refresh(self) -> None:
        for one in self.context.both:
            if one.connection.connected:
                for found in (one.lists.containers, one.lists.images, one.lists.volumes, one.lists.networks):
                    found.refresh()
        if self.session.chosen.connected:
            self._ask_swarm()

    def _changeside(self) -> None:
        page = self.stack.currentWidget()
        if self.side.has_focus() and page is not None:
            page.setFocus()
            page.focusNextChild()
        else:
            self.side.take_focus()

    def _focus_page(self) -> None:
        page = self.stack.currentWidget()
        if page is not None:
            page.setFocus()

    def _back(self) -> None:
        if self.stack.currentWidget() not in self.pages.values():
            self.show_place(self.place)

    def _escape(self) -> None:
        page = self.stack.currentWidget()
        if page in self.pages.values() and isinstance(page, Sided):
            page.close_side()
        else:
            self._back()

    def show_activity(self, key: str = "") -> None:
        """Show what runs and what came of it. :param key: of the activity to choose."""
        page_of = resolve_name("desktop.ui.pages.activity:ActivityPage")
        page = self.stack.currentWidget()
        if not isinstance(page, page_of):
            page = page_of(self.context, self._back)
            self.show_page(page)
        if key:
            page.choose(key)

    def show_palette(self) -> Palette:
        """Open the palette."""
        made: Palette = open_palette(self, self)
        return made

    def show_shortcuts(self) -> QDialog:
        """Show the keyboard shortcuts."""
        dialog = QDialog(self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setWindowTitle(tr("Keyboard shortcuts"))
        grid = QGridLayout(dialog)
        grid.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        grid.setHorizontalSpacing(MARGIN)
        grid.setVerticalSpacing(6)
        place = 0
        for title, keys in SHORTCUTS:
            if place:
                grid.setRowMinimumHeight(place, PAD)
            grid.addWidget(label(tr(title), "section"), place + 1, 0, 1, 2)
            for number, (key, text) in enumerate(keys, place + 2):
                grid.addWidget(label(key_names(tr(key)), "muted"), number, 0)
                grid.addWidget(label(tr(text)), number, 1)
            place += len(keys) + 2
        grid.setRowMinimumHeight(place, PAD)
        grid.addLayout(row(None, button(tr("Close"), dialog.accept)), place + 1, 0, 1, 2)
        dialog.open()
        return dialog

    # -- the window itself ----------------------------------------------------------------------------------------

    def raise_window(self) -> None:
        """Show it above the other windows."""
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()

    def _memory(self) -> QSettings:
        return memory(self.session.paths.home)

    def _restore(self) -> None:
        shape: object = self._memory().value("geometry")
        if not isinstance(shape, QByteArray) or not self.restoreGeometry(shape):
            self.resize(self._on_screen(AT_FIRST))

    def _on_screen(self, size: QSize) -> QSize:
        """A size, or what the screen has of it. Without a screen Qt ends the process, and says why."""
        screen = self.screen()
        return size.boundedTo(screen.availableSize()) if screen is not None else size

    def closeEvent(self, event: QCloseEvent) -> None:
        self._memory().setValue("geometry", self.saveGeometry())
        self.closed.emit()
        super().closeEvent(event)


def _shown(places: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Places with their titles in the user's language."""
    return [(key, tr(title)) for key, title in places]
