"""What the settings pages edit: a draft beside what is saved, checked as the supervisor checks it.

The draft is kept as edits on top of the saved values, one per setting and one per member of an object. So what the
command line changes meanwhile is neither lost nor undone when the draft is applied.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from enum import Enum
from typing import Any

from PySide6.QtCore import QObject, Signal

from desktop.control.schema import Note, RunState, SettingsReport
from desktop.settings.changes import problems
from desktop.settings.fields import Applies, Field, HostSize, Kind, SettingsError
from desktop.settings.schema import Settings, applies, field, fields, plain
from desktop.ui.session import Session
from desktop.ui.words import tr
from vm.errors import UserError

IN_USE = (RunState.RUNNING, RunState.UNREACHABLE, RunState.PAUSED, RunState.STARTING, RunState.RESTARTING)
"""States in which a machine uses the settings it was started with."""


class Edit(Enum):
    """What an edit can be beside a new value."""

    REMOVE = "remove"


class SettingsModel(QObject):
    """A draft of the settings. Paths are dotted: ``cpus``, ``daemon.proxies.http-proxy``.

    :ivar saved: the values as they were set; 0 where Slipway chooses.    :ivar effective: the values in use.
    :ivar automatic: what Slipway would choose for everything.    :ivar draft: the values that would be saved.
    :ivar errors: path → why the draft cannot be saved.
    :ivar refusal: why the supervisor refused the draft as it is now.
    """

    changed = Signal()
    """The draft, the saved values, an error, or whether a restart is needed."""

    applied = Signal(object, bool)
    """The supervisor's :class:`Note`, and whether the machine restarts now."""

    unreadable = Signal(object)
    """The :class:`UserError` for which the settings cannot be shown."""

    def __init__(self, session: Session, schema: type[Settings] = Settings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._schema = session, schema
        self._edits: dict[str, Any] = {}
        self._applying = False
        self.report: SettingsReport | None = None
        defaults = {item.name: plain(item.default) for item in self.fields}
        self.saved: dict[str, Any] = defaults
        self.effective: Mapping[str, Any] = defaults
        self.automatic: Mapping[str, Any] = defaults
        self.draft: dict[str, Any] = copy.deepcopy(defaults)
        self.errors: dict[str, SettingsError] = {}
        self.refusal: UserError | None = None
        self._in_use = False
        session.status_changed.connect(self._look_at_status)
        self._look_at_status()

    @property
    def fields(self) -> tuple[Field, ...]:
        """Every setting there is."""
        return fields(self._schema)

    @property
    def size(self) -> HostSize | None:
        """What the computer has; None until it is known."""
        return HostSize(self.report.host_cpus, self.report.host_memory_mib) if self.report else None

    @property
    def dirty(self) -> bool:
        """Whether the draft differs from what is saved."""
        return bool(self._edits)

    @property
    def ready(self) -> bool:
        """Whether the draft can be applied now."""
        return self.dirty and not self.errors and self.refusal is None and not self._applying

    @property
    def restart_needed(self) -> bool:
        """Whether a machine is in use that takes up the draft only after a restart."""
        return self._in_use and applies(self._edits, self._schema) is Applies.RESTART

    def changes(self) -> dict[str, str]:
        """The draft as the control API takes it: path → JSON, ``null`` for what is removed."""
        return {
            path: "null" if value is Edit.REMOVE else json.dumps(value, ensure_ascii=False)
            for path, value in self._edits.items()
        }

    # -- one value ------------------------------------------------------------------------------------------------

    def field(self, path: str) -> Field:
        """The setting that a path is about.

        :raise SettingsError: there is none.
        """
        return field(path, self._schema)

    def value(self, path: str) -> Any:
        """A value of the draft; None when nothing is there."""
        name, *below = path.split(".")
        value = self.draft[name]
        for key in below:
            value = value.get(key) if isinstance(value, Mapping) else None
        return value

    def holds(self, path: str, value: Any) -> bool:
        """Whether the draft has this value already."""
        return bool(self.value(path) == (self._normal(path, value) if "." not in path else value))

    def editable(self, path: str) -> bool:
        """Whether a member of an object can be set: not while the object is text that cannot be understood."""
        name, _, below = path.partition(".")
        return not below or isinstance(self.draft[name], Mapping)

    def set(self, path: str, value: Any) -> None:
        """Change the draft; None restores the default, or removes a member of an object."""
        name, *below = path.split(".")
        if below:
            if not self.editable(path):
                return
            value = _with(self.draft[name], below, Edit.REMOVE if value is None else value)
        value = self._normal(name, value)
        if value == self.draft[name]:
            return
        for known in [known for known in self._edits if known.partition(".")[0] == name]:
            del self._edits[known]
        self._edits |= self._differences(name, value)
        self.refusal = None
        self._settle()

    def error(self, path: str, title: str) -> str:
        """Why a value cannot be saved, and what to do; empty when it can. :param title: what it is called."""
        for known, error in self.errors.items():
            if known == path or known.startswith(f"{path}."):
                subject = title if known == path else f"“{known.removeprefix(f'{path}.')}”"
                why, hint = tr(error.why), tr(error.hint)
                return tr("{subject} {why}. {hint}", subject=subject, why=why, hint=hint).strip()
        return ""

    # -- all of them ----------------------------------------------------------------------------------------------

    def load(self) -> None:
        """Read the saved values; the draft stays."""
        self._session.control(
            lambda client: client.settings_report(), self.show_report, self.unreadable.emit, owner=self
        )

    def show_report(self, report: SettingsReport) -> None:
        """Take these as the saved values."""
        self.report = report
        self.saved = {item.name: report.stored.get(item.name, plain(item.default)) for item in self.fields}
        self.effective, self.automatic = report.used, report.chosen
        self._settle()
        self._session.settings_read.emit(report.used)

    def discard(self) -> None:
        """Make the draft what is saved."""
        self._edits.clear()
        self.refusal = None
        self._settle()

    def apply(self, *, restart: bool) -> None:
        """Save the draft, all of it or nothing, if it is ready. :param restart: restart if that is needed."""
        if not self.ready:
            return
        changes, sent, expected = self.changes(), dict(self._edits), self.restart_needed

        def done(note: Note) -> None:
            self._applying = False
            self.saved = _edited(self.saved, sent)
            self._settle()
            self.load()
            restarts = restart and expected and note.restart_needed  # nobody is surprised by one
            if restarts:
                self._session.restart()
            self.applied.emit(note, restarts)

        def failed(error: UserError) -> None:
            self._applying = False
            if self._edits == sent:
                self.refusal = error
            self._settle()

        self._applying = True
        self.changed.emit()
        self._session.control(lambda client: client.set_settings(changes), done, failed, owner=self)

    def _look_at_status(self) -> None:
        status = self._session.status
        in_use = status is not None and status.state in IN_USE
        if in_use is not self._in_use:
            self._in_use = in_use
            self.changed.emit()

    def _normal(self, name: str, value: Any) -> Any:
        item = self.field(name)
        return plain(item.default if value is None else item.clean(value))

    def _differences(self, name: str, value: Any) -> dict[str, Any]:
        saved = self.saved[name]
        if self.field(name).kind is not Kind.OBJECT or not isinstance(value, Mapping):
            return {name: value} if value != saved else {}
        changed = {key: item for key, item in value.items() if key not in saved or saved[key] != item}
        removed = dict.fromkeys((key for key in saved if key not in value), Edit.REMOVE)
        return {f"{name}.{key}": item for key, item in {**changed, **removed}.items()}

    def _settle(self) -> None:
        """Work out what follows from the edits."""
        self.draft = _edited(self.saved, self._edits)
        names = dict.fromkeys(path.partition(".")[0] for path in self._edits)  # in the order they were edited
        self._edits = {
            path: value for name in names for path, value in self._differences(name, self.draft[name]).items()
        }
        size = self.size
        found = problems({name: self.draft[name] for name in names}, size, self._schema) if size else []
        self.errors = {}
        for error in found:
            self.errors.setdefault(error.path, error)
        self.changed.emit()


def _edited(values: Mapping[str, Any], edits: Mapping[str, Any]) -> dict[str, Any]:
    """Values with edits."""
    edited = copy.deepcopy(dict(values))
    for path, value in edits.items():
        name, *below = path.split(".", 1)
        edited[name] = _with(edited[name], below, value) if below else copy.deepcopy(value)
    return edited


def _with(values: Mapping[str, Any], path: list[str], value: Any) -> dict[str, Any]:
    """An object with a member set or removed; an inner object that gets empty is removed with it."""
    key, *below = path
    if below:
        inner = values.get(key)
        value = _with(inner if isinstance(inner, Mapping) else {}, below, value) or Edit.REMOVE
    kept = {**values, key: value}
    if value is Edit.REMOVE:
        del kept[key]
    return kept
