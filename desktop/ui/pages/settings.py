"""Settings: resources, engine, proxy, context, diagnosis, reset. What is refused says why, in its place."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import (
    QComboBox,
    QFormLayout,
    QLineEdit,
    QPlainTextEdit,
    QScrollArea,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from desktop.control.client import ControlClient
from desktop.control.schema import Check, DiskReport, Note
from desktop.settings.schema import ACCELERATORS, CONTEXT_POLICIES, OWNED_DAEMON_KEYS
from desktop.ui.context import Context
from desktop.ui.models.format import size
from desktop.ui.theme import GAP, MARGIN, PAD
from desktop.ui.widgets.basics import Picture, button, card, column, heading, label, restyle, row
from desktop.ui.widgets.dialogs import Question
from vm.errors import UserError

PROXY_KEYS = {"http-proxy": "HTTP proxy", "https-proxy": "HTTPS proxy", "no-proxy": "No proxy for"}
"""Members of daemon.json's ``proxies`` (dockerd 23 and newer) and their names here."""


class SettingsPage(QWidget):
    """See the module."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.setObjectName("page")
        self.context = context
        self.values: dict[str, Any] = {}
        self.tabs = QTabWidget(documentMode=True)
        self.tabs.tabBar().setDrawBase(False)
        self.tabs.setAccessibleName("Kinds of settings")
        self.resources = ResourcesTab(self)
        self.engine = EngineTab(self)
        self.proxy = ProxyTab(self)
        self.docker = ContextTab(self)
        self.diagnosis = DiagnosisTab(self)
        self.reset = ResetTab(self)
        for title, tab in (
            ("Resources", self.resources),
            ("Engine", self.engine),
            ("Network proxy", self.proxy),
            ("Docker context", self.docker),
            ("Diagnosis", self.diagnosis),
            ("Reset", self.reset),
        ):
            area = QScrollArea(widgetResizable=True)
            area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            area.setWidget(tab)
            self.tabs.addTab(area, title)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        outer.setSpacing(PAD)
        outer.addWidget(heading("Settings"))
        outer.addWidget(self.tabs, 1)

    def showEvent(self, event: Any) -> None:
        super().showEvent(event)
        self.load()

    def load(self) -> None:
        """Read the settings anew."""
        self.context.session.control(
            lambda client: client.settings(), self._show, self.context.banners.error, owner=self
        )
        self.context.session.control(lambda client: client.disk(), self.resources.show_disk, owner=self)

    def _show(self, values: dict[str, Any]) -> None:
        self.values = values
        for tab in (self.resources, self.engine, self.proxy, self.docker):
            tab.show_values(values)

    def apply(self, path: str, text: str, failed: Callable[[UserError], object]) -> None:
        """Set one setting; says whether a restart is needed, and offers it."""

        def done(note: Note) -> None:
            self.load()
            if note.restart_needed:
                self.context.banners.tell(
                    "warning",
                    f"{note.text}. It counts from the next start of the machine",
                    action=("Restart now", self._restart),
                )
            else:
                self.context.banners.tell("done", note.text)

        self.context.session.control(lambda client: client.set_setting(path, text), done, failed, owner=self)

    def _restart(self) -> None:
        for banner in self.context.banners.shown():
            banner.dismiss()
        self.context.session.restart()


class Tab(QWidget):
    """Fields with an Apply button each; a reason appears below the field that is refused."""

    def __init__(self, page: SettingsPage) -> None:
        super().__init__()
        self.page = page
        self.reasons: dict[str, Any] = {}
        self.outer = QVBoxLayout(self)
        self.outer.setContentsMargins(0, PAD, PAD, 0)
        self.outer.setSpacing(PAD)

    def show_values(self, values: dict[str, Any]) -> None:
        """Put the settings into the fields."""

    def form(self, title: str, text: str = "") -> QFormLayout:
        """A card of fields."""
        made = QFormLayout()
        made.setSpacing(GAP)
        parts = [label(title, "section"), *([label(text, "muted", wrap=True)] if text else [])]
        self.outer.addWidget(card(*parts, made))
        return made

    def line(
        self, form: QFormLayout, name: str, caption: str, hint: str, apply: Callable[[str], None]
    ) -> QLineEdit:
        """A field that is applied by Enter or by its button."""
        field = QLineEdit(placeholderText=hint)
        field.setAccessibleName(caption)
        field.setMaximumWidth(420)
        press = button("Apply", lambda: apply(field.text().strip()))
        press.setAccessibleName(f"Apply {caption}")
        field.returnPressed.connect(press.click)
        reason = label("", "reason", wrap=True)
        reason.hide()
        self.reasons[name] = (field, reason)
        form.addRow(caption, row(field, press, None))
        form.addRow("", reason)
        return field

    def refuse(self, name: str, error: UserError | None) -> None:
        """Mark a field, or, without an error, unmark it."""
        field, reason = self.reasons[name]
        reason.setText(f"{error.message}. {error.hint}".strip() if error else "")
        reason.setVisible(error is not None)
        field.setProperty("invalid", error is not None)
        field.setAccessibleDescription(reason.text())
        restyle(field)

    def apply(self, name: str, text: str, path: str | None = None) -> None:
        """Set ``name`` (or the setting at ``path``) from text."""
        self.refuse(name, None)
        self.page.apply(path or name, text, lambda error: self.refuse(name, error))


class ResourcesTab(Tab):
    """CPUs, memory, disk, accelerator."""

    def __init__(self, page: SettingsPage) -> None:
        super().__init__(page)
        form = self.form("The machine", "What the Linux machine may take of this computer.")
        self.cpus = self.line(form, "cpus", "CPUs", "0 lets Slipway choose", lambda t: self.apply("cpus", t))
        self.memory = self.line(
            form, "memory_mib", "Memory in MiB", "0 lets Slipway choose", lambda t: self.apply("memory_mib", t)
        )
        self.accelerator = QComboBox()
        self.accelerator.addItems(ACCELERATORS)
        self.accelerator.setAccessibleName("Acceleration")
        self.accelerator.setMaximumWidth(220)
        self.accelerator.activated.connect(
            lambda: page.apply("accelerator", self.accelerator.currentText(), page.context.banners.error)
        )
        form.addRow("Acceleration", self.accelerator)
        disk = self.form(
            "The data disk", "It holds images, containers and volumes. It can grow, and loses nothing by that."
        )
        self.disk = self.line(disk, "disk_gib", "Size in GiB", "", lambda t: self.apply("disk_gib", t))
        self.disk_note = label("", "muted", wrap=True)
        disk.addRow("", self.disk_note)
        self.outer.addStretch(1)

    def show_values(self, values: dict[str, Any]) -> None:
        self.cpus.setText(str(values["cpus"]))
        self.memory.setText(str(values["memory_mib"]))
        self.disk.setText(str(values["disk_gib"]))
        self.accelerator.setCurrentText(values["accelerator"])

    def show_disk(self, report: DiskReport) -> None:
        """What the disk takes now."""
        used = (
            f"takes {size(report.allocated)} of this computer's disk"
            if report.exists
            else "is made at the first start"
        )
        self.disk_note.setText(f"{report.path} {used}; {size(report.host_free)} are free there.")


class EngineTab(Tab):
    """daemon.json, mirrors and insecure registries."""

    def __init__(self, page: SettingsPage) -> None:
        super().__init__(page)
        form = self.form("Registries")
        self.mirrors = self.line(
            form,
            "mirrors",
            "Registry mirrors",
            "addresses, with commas",
            lambda t: self._list("registry-mirrors", "mirrors", t),
        )
        self.insecure = self.line(
            form,
            "insecure",
            "Insecure registries",
            "such as localhost:5000",
            lambda t: self._list("insecure-registries", "insecure", t),
        )
        self.daemon = QPlainTextEdit()
        self.daemon.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.daemon.setAccessibleName("daemon.json")
        self.daemon.setTabChangesFocus(True)
        self.daemon.setMinimumHeight(180)
        self.reason = label("", "reason", wrap=True)
        self.reason.hide()
        self.apply_daemon = button("Apply", self._apply_daemon, primary=True)
        self.apply_daemon.setAccessibleName("Apply daemon.json")
        self.outer.addWidget(
            card(
                label("daemon.json", "section"),
                label(
                    "Additions to dockerd's own configuration, as JSON. It is checked before it is applied.",
                    "muted",
                    wrap=True,
                ),
                self.daemon,
                self.reason,
                row(self.apply_daemon, None),
            )
        )
        self.outer.addStretch(1)
        self.daemon.textChanged.connect(self._check)

    def show_values(self, values: dict[str, Any]) -> None:
        daemon = values["daemon"]
        self.mirrors.setText(", ".join(daemon.get("registry-mirrors", [])))
        self.insecure.setText(", ".join(daemon.get("insecure-registries", [])))
        self.daemon.setPlainText(json.dumps(daemon, indent=2))

    def _list(self, key: str, field: str, text: str) -> None:
        parts = [part.strip() for part in text.split(",") if part.strip()]
        self.apply(field, json.dumps(parts) if parts else "null", f"daemon.{key}")

    def _check(self) -> bool:
        why = daemon_trouble(self.daemon.toPlainText())
        self.reason.setText(why)
        self.reason.setVisible(bool(why))
        self.daemon.setProperty("invalid", bool(why))
        self.daemon.setAccessibleDescription(why)
        restyle(self.daemon)
        self.apply_daemon.setEnabled(not why)
        return not why

    def _apply_daemon(self) -> None:
        if self._check():
            self.page.apply("daemon", self.daemon.toPlainText().strip() or "{}", self._refused)

    def _refused(self, error: UserError) -> None:
        self.reason.setText(f"{error.message}. {error.hint}")
        self.reason.show()


def daemon_trouble(text: str) -> str:
    """Why a text is no daemon.json that can be used; empty when it is one."""
    try:
        value = json.loads(text or "{}")
    except ValueError as error:
        return f"This is not JSON: {error}."
    if not isinstance(value, dict):
        return "It has to be an object: { … }."
    owned = sorted(OWNED_DAEMON_KEYS & set(value))
    return f"“{owned[0]}” is not yours to set: the machine depends on it." if owned else ""


class ProxyTab(Tab):
    """The proxy for pulls."""

    def __init__(self, page: SettingsPage) -> None:
        super().__init__(page)
        form = self.form("Proxy", "For what the engine fetches: pulls, pushes and searches.")
        self.fields = {
            key: self.line(form, key, caption, "none", partial(self._set, key))
            for key, caption in PROXY_KEYS.items()
        }
        self.outer.addStretch(1)

    def show_values(self, values: dict[str, Any]) -> None:
        for key, field in self.fields.items():
            field.setText(values["daemon"].get("proxies", {}).get(key, ""))

    def _set(self, key: str, text: str) -> None:
        if key != "no-proxy" and text and not text.startswith(("http://", "https://", "socks5://")):
            self.refuse(key, UserError("A proxy's address begins with http:// or https://"))
            return
        proxies = {**self.page.values.get("daemon", {}).get("proxies", {}), key: text}
        kept = {name: value for name, value in proxies.items() if value}
        self.apply(key, json.dumps(kept) if kept else "null", "daemon.proxies")


class ContextTab(Tab):
    """Which engine plain ``docker`` talks to."""

    def __init__(self, page: SettingsPage) -> None:
        super().__init__(page)
        form = self.form("Docker context", "Which engine the docker command talks to when nothing else is said.")
        self.policy = QComboBox()
        self.policy.addItems(CONTEXT_POLICIES)
        self.policy.setAccessibleName("Make slipway current at a start")
        self.policy.setMaximumWidth(220)
        self.policy.activated.connect(
            lambda: page.apply("context", self.policy.currentText(), page.context.banners.error)
        )
        form.addRow("Make slipway current at a start", self.policy)
        form.addRow(
            "",
            row(
                button("Use slipway now", lambda: self._do(lambda client: client.use_context())),
                button("Back to the one before", lambda: self._do(lambda client: client.restore_context())),
                None,
            ),
        )
        self.outer.addStretch(1)

    def show_values(self, values: dict[str, Any]) -> None:
        self.policy.setCurrentText(values["context"])

    def _do(self, call: Callable[[ControlClient], Any]) -> None:
        banners = self.page.context.banners
        self.page.context.session.control(
            call, lambda note: banners.tell("done", note.text), banners.error, owner=self
        )


class DiagnosisTab(Tab):
    """Every check with what was found and how to mend it."""

    def __init__(self, page: SettingsPage) -> None:
        super().__init__(page)
        self.run = button("Check everything", self.check, picture="check", primary=True)
        self.note = label("", "muted")
        self.results = column(gap=GAP)
        self.outer.addLayout(row(self.run, self.note, None))
        self.outer.addLayout(self.results)
        self.outer.addStretch(1)

    def check(self) -> None:
        """Run all checks."""
        self.run.setEnabled(False)
        self.note.setText("Checking …")
        self.page.context.session.control(lambda client: client.diagnose(), self._show, self._failed, owner=self)

    def _show(self, checks: list[Check]) -> None:
        self.run.setEnabled(True)
        failed = sum(check.passed is False for check in checks)
        self.note.setText(
            f"{len(checks)} checks, {failed} to look at" if failed else f"{len(checks)} checks, all is well"
        )
        while (item := self.results.takeAt(0)) is not None:
            item.widget().deleteLater()
        for check in sorted(checks, key=lambda check: check.passed is not False):
            name, token = {True: ("check", "good"), False: ("warning", "bad"), None: ("info", "muted")}[
                check.passed
            ]
            words = column(
                label(check.description, wrap=True), label(check.found, "muted", wrap=True, select=True), gap=2
            )
            if check.fix and check.passed is False:
                words.addWidget(label(check.fix, wrap=True, select=True))
            line = row(Picture(name, 20, token), gap=PAD)
            line.addLayout(words, 1)
            self.results.addWidget(card(line))

    def _failed(self, error: UserError) -> None:
        self.run.setEnabled(True)
        self.note.setText(error.message)


class ResetTab(Tab):
    """Reset in levels; each says what it deletes."""

    def __init__(self, page: SettingsPage) -> None:
        super().__init__(page)
        for title, text, verb, keep in (
            (
                "Begin anew",
                "Deletes containers, images, volumes and the machine's keys; keeps the system image.",
                "Begin anew…",
                True,
            ),
            (
                "Everything",
                "Also deletes the machine's system images, which take a minute to be built again.",
                "Reset everything…",
                False,
            ),
        ):
            press = button(verb, partial(self._ask, keep), danger=True)
            self.outer.addWidget(card(label(title, "section"), label(text, "muted", wrap=True), row(press, None)))
        self.outer.addStretch(1)

    def _ask(self, keep: bool) -> None:
        context = self.page.context

        def plan(lines: list[str]) -> None:
            question = Question(self, "Reset Slipway?", "This cannot be undone:", "Reset", names=lines)
            question.then(
                lambda _: context.session.control_work(
                    lambda client: client.reset(keep),
                    context.banners.error,
                    done=lambda: context.banners.tell("done", "Slipway is as new"),
                )
            )

        context.session.control(lambda client: client.reset_plan(keep), plan, context.banners.error, owner=self)
