"""The form that runs a container: the common options of ``docker run``, checked as you type."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QCheckBox, QComboBox, QCompleter, QFileDialog, QWidget

from desktop.ui.activities import Job
from desktop.ui.bridge import Failed
from desktop.ui.context import Context
from desktop.ui.jobs import pull
from desktop.ui.models.busy import CREATING, PULLING
from desktop.ui.models.format import counted
from desktop.ui.models.run import (
    PLATFORMS,
    POLICIES,
    RunRequest,
    command_error,
    cpu_error,
    is_port_free,
    memory_error,
    optional_name_error,
    parse_ports,
)
from desktop.ui.models.run_line import is_run_line, read_run_line
from desktop.ui.models.run_rows import Declared, read_env_file
from desktop.ui.pages.container import ContainerPage
from desktop.ui.pages.run_rows import PortRows, VariableRows, VolumeRows
from desktop.ui.pages.shell import Kind, open_terminal
from desktop.ui.widgets.basics import button, label, row
from desktop.ui.widgets.dialogs import Form
from desktop.ui.widgets.progress import ProgressDialog
from engine.client import EngineClient
from engine.client.errors import NotFound
from engine.client.models import Container
from vm.errors import EngineError, UserError


class RunDialog(Form):
    """The form that runs a container. A ``docker run`` line that is pasted as the image fills it."""

    def __init__(
        self,
        parent: QWidget,
        context: Context,
        image: str = "",
        *,
        title: str = "Run a container",
        verb: str = "Run",
    ) -> None:
        super().__init__(parent, title, verb, long=True)
        self.context = context
        self.setMinimumWidth(680)
        self._declared = ""
        self._typed = 0
        self.image = self._image_field(image)
        self.name = self.field("Name", "automatic", check=optional_name_error)
        self.command = self.field("Command", "the default of the image", check=command_error)
        self.ports, self.environment = PortRows(self._port_error), VariableRows()
        self.volumes = VolumeRows(local=context.connection.features.guest)
        self.add_rows(self.ports)
        self.add_rows(self.volumes)
        self.env_file = button("Import a .env file…", self._pick_env_file, picture="file")
        self.add_rows(self.environment, self.env_file)
        self.terminal = QCheckBox("Interactive, with a terminal")
        self.remove = QCheckBox("Remove the container when it exits")
        self.form.addRow("", self.terminal)
        self.form.addRow("", self.remove)
        self._add_more()
        self._add_line()
        self._follow_changes()
        self._changed()
        self.image.setFocus()

    def _image_field(self, image: str) -> QComboBox:
        known = sorted({tag for item in self.context.lists.images.items for tag in item.tags})
        made = QComboBox(editable=True)
        made.addItems(known)
        made.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        made.setCurrentText(image)
        field, completer = made.lineEdit(), made.completer()
        assert field is not None  # the box is editable
        assert completer is not None
        field.setPlaceholderText("for example nginx:latest; or paste a docker run line")
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        completer.setCompletionMode(QCompleter.CompletionMode.PopupCompletion)
        self.add("Image", made)
        return made

    def _add_more(self) -> None:
        """What few containers need, behind a button."""
        self.more = button("More", lambda: self.show_more(not self.network.isVisibleTo(self)), picture="down")
        self.more.setAccessibleDescription("Network, restart, limits and platform")
        self.form.addRow("", row(self.more, None))
        self.network = self._choice("Network", ["", *(item.name for item in self.context.lists.networks.items)])
        self.restart = self._choice("Restart", list(POLICIES))
        self.cpus = self.field("CPUs", "no limit", check=cpu_error)
        self.memory = self.field("Memory", "no limit; for example 512m or 2g", check=memory_error)
        self.platform = self._choice("Platform", list(PLATFORMS))
        self._folded = [self.network, self.restart, self.cpus, self.memory, self.platform]
        self.show_more(False)

    def show_more(self, wanted: bool) -> None:
        """Show or hide what few containers need; not what is wrong with it."""
        wanted = wanted or bool(cpu_error(self.cpus.text()) or memory_error(self.memory.text()))
        for field in self._folded:
            self.form.setRowVisible(field, wanted)
        self.more.setText(" Less" if wanted else " More")
        self.more.setAccessibleName("Less" if wanted else "More")

    def _add_line(self) -> None:
        self.note = label("", "muted", wrap=True, select=True)
        self.note.setAccessibleName("What was imported")
        self.note.hide()
        self.outer.insertWidget(self.outer.count() - 1, self.note)
        self.line = label("", "muted", wrap=True, select=True)
        self.line.setAccessibleName("Equivalent docker run command")
        copy = button(
            "Copy", lambda: QGuiApplication.clipboard().setText(self.request().command_line()), picture="copy"
        )
        line = row(gap=8)
        line.addWidget(self.line, 1)
        line.addWidget(copy)
        self.outer.insertLayout(self.outer.count() - 1, line)

    def _follow_changes(self) -> None:
        self.image.editTextChanged.connect(self._image_changed)
        for field in (self.name, self.command, self.cpus, self.memory):
            field.textChanged.connect(self._changed)
        for choice in (self.network, self.restart, self.platform):
            choice.currentTextChanged.connect(self._changed)
        for rows in (self.ports, self.volumes, self.environment):
            rows.changed.connect(self._changed)
        self.terminal.toggled.connect(self._changed)
        self.remove.toggled.connect(self._changed)
        self.accepted.connect(self._run)
        self.context.lists.images.changed.connect(self._look_at_image)
        self._look_at_image()

    # -- the image ------------------------------------------------------------------------------------------------

    def _image_changed(self, text: str) -> None:
        pasted = len(text) - self._typed > 1
        self._typed = len(text)
        if pasted and is_run_line(text):
            board = QGuiApplication.clipboard().text()  # the field has made its line breaks spaces
            self.take_line(board if board.split() == text.split() else text)
        self._look_at_image()
        self._changed()

    def take_line(self, text: str) -> None:
        """Fill the form from a ``docker run`` line; say what it has no field for."""
        try:
            found = read_run_line(text)
        except ValueError as error:
            self._tell(f"{error}.")
            return
        self.show_request(found.request)
        left = ", ".join(found.left)
        self._tell(f"Not taken over, since this form has no field for it: {left}" if left else "")

    def _tell(self, text: str) -> None:
        self.note.setText(text)
        self.note.setVisible(bool(text))

    def _look_at_image(self) -> None:
        """Offer what the image declares, if it is here."""
        name = self.image.currentText().strip()
        here = {tag for item in self.context.lists.images.items for tag in item.tags}
        found = next((one for one in (name, f"{name}:latest") if one in here), "")
        if found == self._declared:
            return
        self._declared = found
        if not found:
            self._declare(found, Declared())
            return
        self.context.session.bridge.call(
            self.context.engine.images.inspect(found),
            lambda told: self._declare(found, Declared.of(told)),
            lambda _: self._declare(found, Declared()),  # it has gone meanwhile, which running it will tell
            owner=self,
        )

    def _declare(self, image: str, declared: Declared) -> None:
        if image == self._declared:
            self.ports.declare(declared, lambda port, protocol: not self._taken("", port, protocol))
            self.volumes.declare(declared)
            self.environment.declare(declared)

    # -- the request ----------------------------------------------------------------------------------------------

    def show_request(self, request: RunRequest) -> None:
        """Fill the fields."""
        for field, text in (
            (self.name, request.name),
            (self.command, request.command),
            (self.cpus, request.cpus),
            (self.memory, request.memory),
        ):
            field.setText(text)
        self.ports.show_texts(request.ports)
        self.volumes.show_texts(request.volumes)
        self.environment.show_texts(request.environment)
        self._typed = len(request.image)
        self.image.setCurrentText(request.image)
        chosen = (
            (self.network, request.network),
            (self.restart, request.restart),
            (self.platform, request.platform),
        )
        for choice, text in chosen:
            if choice.findData(text) < 0:
                choice.addItem(text, text)
            choice.setCurrentIndex(choice.findData(text))
        self.terminal.setChecked(request.terminal)
        self.remove.setChecked(request.remove)
        rare = request.network, request.cpus, request.memory, request.platform
        if any(rare) or request.restart != "no":
            self.show_more(True)

    def request(self) -> RunRequest:
        """The container that the fields describe."""
        return RunRequest(
            self.image.currentText().strip(),
            self.name.text().strip(),
            self.command.text().strip(),
            self.ports.texts,
            self.volumes.texts,
            self.environment.texts,
            self.network.currentData(),
            self.restart.currentText(),
            self.cpus.text().strip(),
            self.memory.text().strip(),
            self.platform.currentData(),
            self.terminal.isChecked(),
            self.remove.isChecked() and self.restart.currentText() == "no",
        )

    def _choice(self, name: str, texts: list[str]) -> QComboBox:
        made = QComboBox()
        for text in texts:
            made.addItem(text or "default", text)
        self.add(name, made)
        return made

    def _changed(self) -> None:
        request = self.request()
        with contextlib.suppress(ValueError):  # a closing quotation mark is still missing
            self.line.setText(request.command_line())
        lasting = request.restart != "no"
        self.remove.setEnabled(not lasting)
        self.remove.setToolTip("A container that is restarted cannot be removed when it exits" if lasting else "")
        self.verb.setEnabled(bool(request.image) and not is_run_line(f"{request.image} "))

    def _pick_env_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self, "Import variables", "", "Variables (*.env .env);;All files (*)"
        )
        if path:
            self.import_env_file(Path(path))

    def import_env_file(self, path: Path) -> None:
        """Add the variables of a file as ``--env-file`` takes it."""
        try:
            found = read_env_file(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            self._tell(f"{path.name} cannot be read: {error}")
            return
        self.environment.add_texts(found)
        self._tell(f"{counted(len(found), 'variable')} from {path.name}")

    def _port_error(self, text: str) -> str:
        try:
            wanted = parse_ports(text)
        except ValueError as error:
            return f"{error}."
        for address, outer, inner in wanted:
            protocol = inner.partition("/")[2]
            if outer.isdigit():  # from a range the engine chooses a free port
                if sum((address, outer, protocol) in _published(other) for other in self.ports.texts) > 1:
                    return f"Port {outer} is listed twice."
                if why := self._taken(address, outer, protocol):
                    return why
        return ""

    def _taken(self, address: str, outer: str, protocol: str) -> str:
        """What uses a host port; empty when it is free."""
        for container in self.context.lists.containers.items:
            ports = () if self._is_own(container) else container.ports
            if self._is_own(container) and any(str(port.host_port) == outer for port in container.ports):
                return ""  # it gives it back before it is needed
            if any((str(port.host_port), port.protocol) == (outer, protocol) for port in ports):
                return f"Port {outer} is in use by the container {container.name}."
        if not is_port_free(address, int(outer), protocol):
            return f"Port {outer} is in use by another program on your computer."
        return ""

    def _is_own(self, container: Container) -> bool:
        """Whether it makes room for the new one."""
        return False

    def _run(self) -> None:
        request, context = self.request(), self.context

        def failed(error: UserError) -> None:
            if is_image_missing(error):
                _pull_and_run(context.banners, context, request)
            else:
                context.banners.error(error)

        _begin(context, request, failed)


def _published(text: str) -> list[tuple[str, str, str]]:
    """Addresses, host ports and protocols of a text of ``-p``; none where that is not one yet."""
    try:
        return [(address, outer, inner.partition("/")[2]) for address, outer, inner in parse_ports(text)]
    except ValueError:
        return []


def is_image_missing(error: UserError) -> bool:
    """Whether a container could not be created for lack of an image, or of one for the platform that was chosen.

    The engine answers both with 404, and ``docker run`` pulls (moby: daemon/images/image.go, containerd/image.go).
    """
    missing = "No such image", "was found but its platform", "was found but does not provide"
    return isinstance(error, NotFound) and any(words in error.message for words in missing)


def _begin(context: Context, request: RunRequest, failed: Failed) -> None:
    begin_run(context, request, partial(run, request=request), failed)


def begin_run(
    context: Context,
    request: RunRequest,
    work: Callable[[EngineClient], Coroutine[Any, Any, Container]],
    failed: Failed,
) -> None:
    """Create and start a container, which has a row meanwhile.

    :param work: does it; ``request`` is what it is called.
    """
    busy, containers = context.lists.busy, context.lists.containers
    key = busy.create(request.name, request.image)

    def done(made: Container) -> None:
        busy.end(key, CREATING)
        containers.refresh()
        _tell(context, request, made)

    def refused(error: UserError) -> None:
        busy.drop(key)
        if is_image_missing(error):  # it is pulled, and this is done again
            context.session.activities.forget(job.key)
        failed(error)

    title = f"{CREATING} {request.name or request.image}"
    job = context.session.activities.call(
        title, partial(work, context.engine), done, refused, engine=context.engine_words
    )


def _pull_and_run(parent: QWidget, context: Context, request: RunRequest) -> None:
    """Pull a missing image first, with progress and cancel, then run; the container has a row meanwhile."""
    busy = context.lists.busy

    def run_it(job: Job) -> None:
        key = busy.create(request.name, request.image, PULLING)

        def go_on() -> None:
            busy.drop(key)
            _begin(context, request, context.banners.error)

        job.changed.connect(lambda _: busy.say(key, f"{PULLING} {job.activity.percent}".strip()))
        job.succeeded.connect(go_on)
        job.failed.connect(lambda _: busy.drop(key))
        job.cancelled.connect(lambda: busy.drop(key))

    order = replace(pull(context, request.image, request.platform), hook=run_it)
    ProgressDialog(parent, context, context.session.activities.begin(order)).open()


def _tell(context: Context, request: RunRequest, made: Container) -> None:
    context.banners.show_message(
        "done", f"{made.name} is running" if made.state == "running" else f"{made.name}: {made.status}"
    )
    if request.terminal:
        context.places.show_place("containers")
        context.places.show_page(ContainerPage(context, made))
        open_terminal(context, made.id, made.name, Kind.ATTACH)


async def run(engine: EngineClient, request: RunRequest) -> Container:
    """Create and start a container.

    :return: the container as the engine lists it then.    :raise NotFound: the image is missing.
    :raise EngineError: it failed; a container that does not start is removed.
    """
    return await create_and_start(engine, request.config(), request.name or None, request.platform or None)


async def create_and_start(
    engine: EngineClient, config: dict[str, Any], name: str | None, platform: str | None
) -> Container:
    """As :func:`run`, of the API's configuration."""
    key = await engine.containers.create(config, name=name, platform=platform)
    try:
        await engine.containers.start(key)
    except EngineError:
        await engine.containers.remove(key, force=True)
        raise
    found = await engine.containers.list(all=True, filters={"id": [key]})
    if not found:
        raise EngineError("The container exited and was removed")
    return found[0]
