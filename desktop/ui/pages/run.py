"""The form that runs a container: the common options of ``docker run``, checked as you type."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Coroutine
from typing import Any

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QCheckBox, QComboBox, QFileDialog, QPlainTextEdit, QWidget

from desktop.ui.bridge import Failed
from desktop.ui.context import Context
from desktop.ui.models.busy import CREATING
from desktop.ui.models.run import (
    PLATFORMS,
    POLICIES,
    RunRequest,
    command_error,
    cpu_error,
    environment_error,
    is_port_free,
    memory_error,
    optional_name_error,
    parse_ports,
    parts,
    volume_error,
)
from desktop.ui.pages.container import ContainerPage
from desktop.ui.widgets.basics import button, label, row
from desktop.ui.widgets.dialogs import Form
from desktop.ui.widgets.progress import ProgressDialog
from engine.client import EngineClient
from engine.client.errors import NotFound
from engine.client.models import Container
from vm.errors import EngineError, UserError


class RunDialog(Form):
    """The form that runs a container."""

    def __init__(
        self,
        parent: QWidget,
        context: Context,
        image: str = "",
        *,
        title: str = "Run a container",
        verb: str = "Run",
    ) -> None:
        super().__init__(parent, title, verb)
        self.context = context
        self.setMinimumWidth(620)
        known = sorted({tag for item in context.lists.images.items for tag in item.tags})
        self.image = QComboBox(editable=True)
        self.image.addItems(known)
        self.image.setCurrentText(image)
        field = self.image.lineEdit()
        assert field is not None  # the box is editable
        field.setPlaceholderText("for example nginx:latest; pulled if it is missing")
        self.add("Image", self.image)
        self.name = self.field("Name", "automatic", check=optional_name_error)
        self.command = self.field("Command", "the default of the image", check=command_error)
        self.ports = self.field(
            "Ports", "8080:80, 127.0.0.1:5432:5432, 9000-9005:9000-9005", check=self._port_error
        )
        self.volumes = self.field("Volumes", "data:/var/lib/data, /home/me/site:/site:ro", check=volume_error)
        self.volumes_pick = button("Choose a folder…", self._pick_folder, picture="files")
        if not context.connection.features.guest:
            self.volumes_pick.setEnabled(False)
            self.volumes_pick.setToolTip("Folders are those of the engine's computer: type the path there.")
        self.form.addRow("", row(self.volumes_pick, None))
        self.environment = QPlainTextEdit(placeholderText="NAME=value, one per line")
        self.environment.setTabChangesFocus(True)
        self.environment.setFixedHeight(64)
        self.add("Environment", self.environment)
        self.environment_reason = label("", "reason", wrap=True)
        self.environment_reason.hide()
        self.form.addRow("", self.environment_reason)
        self.network = self._choice("Network", ["", *(item.name for item in context.lists.networks.items)])
        self.restart = self._choice("Restart", list(POLICIES))
        self.cpus = self.field("CPUs", "no limit", check=cpu_error)
        self.memory = self.field("Memory", "no limit; for example 512m or 2g", check=memory_error)
        self.platform = self._choice("Platform", list(PLATFORMS))
        self.terminal = QCheckBox("Interactive, with a terminal")
        self.remove = QCheckBox("Remove the container when it exits")
        self.form.addRow("", self.terminal)
        self.form.addRow("", self.remove)
        self.line = label("", "muted", wrap=True, select=True)
        self.line.setAccessibleName("Equivalent docker run command")
        copy = button(
            "Copy", lambda: QGuiApplication.clipboard().setText(self.request().command_line()), picture="copy"
        )
        line = row(gap=8)
        line.addWidget(self.line, 1)
        line.addWidget(copy)
        self.outer.insertLayout(self.outer.count() - 1, line)
        self._follow_changes()
        self._changed()
        self.image.setFocus()

    def _follow_changes(self) -> None:
        self.image.currentTextChanged.connect(self._changed)
        for field in (self.name, self.command, self.ports, self.volumes, self.cpus, self.memory):
            field.textChanged.connect(self._changed)
        for choice in (self.network, self.restart, self.platform):
            choice.currentTextChanged.connect(self._changed)
        self.environment.textChanged.connect(self._changed)
        self.terminal.toggled.connect(self._changed)
        self.remove.toggled.connect(self._changed)
        self.accepted.connect(self._run)

    def show_request(self, request: RunRequest) -> None:
        """Fill the fields."""
        for field, text in (
            (self.name, request.name),
            (self.command, request.command),
            (self.ports, ", ".join(request.ports)),
            (self.volumes, ", ".join(request.volumes)),
            (self.cpus, request.cpus),
            (self.memory, request.memory),
        ):
            field.setText(text)
        self.image.setCurrentText(request.image)
        self.environment.setPlainText("\n".join(request.environment))
        for choice, text in ((self.network, request.network), (self.restart, request.restart)):
            if choice.findData(text) < 0:
                choice.addItem(text, text)
            choice.setCurrentIndex(choice.findData(text))
        self.terminal.setChecked(request.terminal)
        self.remove.setChecked(request.remove)

    def request(self) -> RunRequest:
        """The container that the fields describe."""
        return RunRequest(
            self.image.currentText().strip(),
            self.name.text().strip(),
            self.command.text().strip(),
            parts(self.ports.text()),
            parts(self.volumes.text()),
            tuple(line.strip() for line in self.environment.toPlainText().splitlines() if line.strip()),
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
        why = environment_error(self.environment.toPlainText())
        self.environment_reason.setText(why)
        self.environment_reason.setVisible(bool(why))
        lasting = request.restart != "no"
        self.remove.setEnabled(not lasting)
        self.remove.setToolTip("A container that is restarted cannot be removed when it exits" if lasting else "")
        self.verb.setEnabled(bool(request.image) and not why)

    def _pick_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Choose a folder")
        if folder:
            before = self.volumes.text().strip()
            self.volumes.setText(f"{before}, {folder}:/data" if before else f"{folder}:/data")

    def _port_error(self, text: str) -> str:
        seen: set[tuple[str, str]] = set()
        for part in parts(text):
            try:
                wanted = parse_ports(part)
            except ValueError as error:
                return f"{error}."
            for address, outer, inner in wanted:
                protocol = inner.partition("/")[2]
                if (outer, protocol) in seen:
                    return f"Port {outer} is listed twice."
                if outer.isdigit():  # from a range the engine chooses a free port
                    seen.add((outer, protocol))
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
                _pull_and_run(context, request)
            else:
                context.banners.error(error)

        _begin(context, request, failed)


def is_image_missing(error: UserError) -> bool:
    """Whether a container could not be created for lack of an image, or of one for the platform that was chosen.

    The engine answers both with 404, and ``docker run`` pulls (moby: daemon/images/image.go, containerd/image.go).
    """
    missing = "No such image", "was found but its platform", "was found but does not provide"
    return isinstance(error, NotFound) and any(words in error.message for words in missing)


def _begin(context: Context, request: RunRequest, failed: Failed) -> None:
    begin_run(context, request, lambda engine: run(engine, request), failed)


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

    def end() -> None:
        busy.end(key, CREATING)
        containers.refresh()

    def done(made: Container) -> None:
        end()
        _tell(context, request, made)

    def refused(error: UserError) -> None:
        end()
        failed(error)

    context.session.bridge.call(work(context.engine), done, refused, owner=context.session)


def _pull_and_run(context: Context, request: RunRequest) -> None:
    """Pull a missing image first, with progress and cancel, then run."""
    dialog = ProgressDialog(
        context.banners,
        context,
        f"Pulling {request.image}",
        lambda: context.engine.images.pull(request.image, platform=request.platform or None),
        f"Pulled {request.image}",
    )
    dialog.accepted.connect(lambda: _begin(context, request, context.banners.error))
    dialog.open()


def _tell(context: Context, request: RunRequest, made: Container) -> None:
    context.banners.show_message(
        "done", f"{made.name} is running" if made.state == "running" else f"{made.name}: {made.status}"
    )
    if request.terminal:
        context.places.show_place("containers")
        context.places.show_page(ContainerPage(context, made, "attach"))


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
