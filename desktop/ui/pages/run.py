"""Run a container: everything of ``docker run`` that people use, checked in place, with the line to copy."""

from __future__ import annotations

import contextlib
import shlex
import socket
from dataclasses import dataclass
from typing import Any

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QCheckBox, QComboBox, QFileDialog, QPlainTextEdit, QWidget

from desktop.ui.context import Context
from desktop.ui.widgets.basics import button, label, row
from desktop.ui.widgets.dialogs import Form
from engine.client import EngineClient
from engine.client.errors import NotFound
from vm.errors import EngineError

POLICIES = ("no", "on-failure", "unless-stopped", "always")


@dataclass(frozen=True)
class RunRequest:
    """What is to be run. Lists are in ``docker run``'s own notation."""

    image: str
    name: str = ""
    command: str = ""
    ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    network: str = ""
    restart: str = "no"
    cpus: str = ""
    memory: str = ""
    platform: str = ""
    terminal: bool = False
    remove: bool = False

    def command_line(self) -> str:
        """The same as a ``docker run`` line."""
        words = ["docker", "run", "-d"]
        words += ["-it"] if self.terminal else []
        words += ["--rm"] if self.remove else []
        for option, value in (
            ("--name", self.name),
            ("--network", self.network),
            ("--restart", "" if self.restart == "no" else self.restart),
            ("--cpus", self.cpus),
            ("--memory", self.memory),
            ("--platform", self.platform),
        ):
            words += [option, value] if value else []
        for option, values in (("-p", self.ports), ("-v", self.volumes), ("-e", self.environment)):
            for value in values:
                words += [option, value]
        words += [self.image or "IMAGE"]
        return " ".join([*(shlex.quote(word) for word in words), self.command]).strip()

    def config(self) -> dict[str, Any]:
        """The API's ContainerConfig with its HostConfig.

        :raise ValueError: something in it cannot be understood.
        """
        bindings: dict[str, list[dict[str, str]]] = {}
        for text in self.ports:
            address, outer, inner = parse_port(text)
            bindings.setdefault(inner, []).append({"HostIp": address, "HostPort": outer})
        host: dict[str, Any] = {
            "PortBindings": bindings,
            "Binds": list(self.volumes),
            "RestartPolicy": {"Name": self.restart},
            "AutoRemove": self.remove,
        }
        if self.network:
            host["NetworkMode"] = self.network
        if self.cpus:
            host["NanoCpus"] = int(float(self.cpus) * 1e9)
        if self.memory:
            host["Memory"] = parse_memory(self.memory)
        config: dict[str, Any] = {
            "Image": self.image,
            "Env": list(self.environment),
            "ExposedPorts": {inner: {} for inner in bindings},
            "Tty": self.terminal,
            "OpenStdin": self.terminal,
            "HostConfig": host,
        }
        if self.command:
            config["Cmd"] = shlex.split(self.command)
        return config


def parse_port(text: str) -> tuple[str, str, str]:
    """Address, port here, ``PORT/PROTOCOL`` inside, of ``[[ADDRESS:]PORT:]PORT[/PROTOCOL]``.

    :raise ValueError: it is none.
    """
    place, _, protocol = text.strip().partition("/")
    address, outer, inner = "", "", place
    if ":" in place:
        outer, _, inner = place.rpartition(":")
        if ":" in outer:
            address, _, outer = outer.rpartition(":")
    for number in (inner, *([outer] if outer else [])):
        if not number.isdigit() or not 0 < int(number) < 65536:
            raise ValueError(f"“{number}” is not a port: 1 to 65535")
    if protocol not in ("", "tcp", "udp", "sctp"):
        raise ValueError(f"“{protocol}” is not a protocol: tcp, udp or sctp")
    return address.strip("[]"), outer, f"{inner}/{protocol or 'tcp'}"


def parse_memory(text: str) -> int:
    """Bytes of ``512m``, ``2g``; units as in the docker command.

    :raise ValueError: it is none.
    """
    text = text.strip().lower().removesuffix("b")
    factor = {"k": 2**10, "m": 2**20, "g": 2**30}.get(text[-1:], 1)
    number = text[:-1] if factor > 1 else text
    try:
        return int(float(number) * factor)
    except ValueError:
        raise ValueError("a number with k, m or g, such as 512m") from None


def is_port_free(address: str, port: int, protocol: str) -> bool:
    """Whether this computer's port can be had now."""
    kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
    with contextlib.closing(socket.socket(socket.AF_INET, kind)) as tried:
        try:
            tried.bind((address or "0.0.0.0", port))
        except OSError:
            return False
    return True


class RunDialog(Form):
    """See the module."""

    def __init__(self, parent: QWidget, context: Context, image: str = "") -> None:
        super().__init__(parent, "Run a container", "Run")
        self.context = context
        self.setMinimumWidth(620)
        known = sorted({tag for item in context.lists.images.items for tag in item.tags})
        self.image = QComboBox(editable=True)
        self.image.addItems(known)
        self.image.setCurrentText(image)
        self.image.setPlaceholderText("such as nginx:latest; pulled when it is not here")
        self.add("Image", self.image)
        self.name = self.field("Name", "chosen by the engine", check=_name_trouble)
        self.command = self.field("Command", "the image's own", check=_command_trouble)
        self.ports = self.field("Ports", "8080:80, 127.0.0.1:5432:5432, 53:53/udp", check=self._port_trouble)
        self.volumes = self.field("Volumes", "data:/var/lib/data, /home/me/site:/site:ro", check=_volume_trouble)
        self.volumes_pick = button("Choose a folder…", self._pick_folder, picture="files")
        self.form.addRow("", row(self.volumes_pick, None))
        self.environment = QPlainTextEdit(placeholderText="NAME=value, one a line")
        self.environment.setTabChangesFocus(True)
        self.environment.setFixedHeight(64)
        self.add("Environment", self.environment)
        self.network = self._choice("Network", ["", *(item.name for item in context.lists.networks.items)])
        self.restart = self._choice("Restart", list(POLICIES))
        self.cpus = self.field("CPUs", "no limit", check=_cpu_trouble)
        self.memory = self.field("Memory", "no limit; such as 512m or 2g", check=_memory_trouble)
        self.platform = self._choice("Platform", ["", "linux/amd64", "linux/arm64"])
        self.terminal = QCheckBox("Interactive, with a terminal")
        self.remove = QCheckBox("Remove it when it ends")
        self.form.addRow("", self.terminal)
        self.form.addRow("", self.remove)
        self.line = label("", "muted", wrap=True, select=True)
        self.line.setAccessibleName("The equivalent docker run line")
        copy = button(
            "Copy", lambda: QGuiApplication.clipboard().setText(self.request().command_line()), picture="copy"
        )
        line = row(gap=8)
        line.addWidget(self.line, 1)
        line.addWidget(copy)
        self.outer.insertLayout(self.outer.count() - 1, line)
        self.image.currentTextChanged.connect(self._changed)
        for field in (self.name, self.command, self.ports, self.volumes, self.cpus, self.memory):
            field.textChanged.connect(self._changed)
        for choice in (self.network, self.restart, self.platform):
            choice.currentTextChanged.connect(self._changed)
        self.environment.textChanged.connect(self._changed)
        self.terminal.toggled.connect(self._changed)
        self.remove.toggled.connect(self._changed)
        self.accepted.connect(self._run)
        self._changed()
        self.image.setFocus()

    def request(self) -> RunRequest:
        """What the fields say."""
        return RunRequest(
            self.image.currentText().strip(),
            self.name.text().strip(),
            self.command.text().strip(),
            _parts(self.ports.text()),
            _parts(self.volumes.text()),
            tuple(line.strip() for line in self.environment.toPlainText().splitlines() if line.strip()),
            self.network.currentData(),
            self.restart.currentText(),
            self.cpus.text().strip(),
            self.memory.text().strip(),
            self.platform.currentData(),
            self.terminal.isChecked(),
            self.remove.isChecked(),
        )

    def _choice(self, name: str, texts: list[str]) -> QComboBox:
        made = QComboBox()
        for text in texts:
            made.addItem(text or "default", text)
        self.add(name, made)
        return made

    def _changed(self) -> None:
        request = self.request()
        self.line.setText(request.command_line())
        self.verb.setEnabled(bool(request.image))

    def _pick_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Choose a folder")
        if folder:
            before = self.volumes.text().strip()
            self.volumes.setText(f"{before}, {folder}:/data" if before else f"{folder}:/data")

    def _port_trouble(self, text: str) -> str:
        for part in _parts(text):
            try:
                address, outer, inner = parse_port(part)
            except ValueError as error:
                return f"{error}."
            for container in self.context.lists.containers.items:
                if outer and any(str(port.host_port) == outer for port in container.ports):
                    return f"Port {outer} is taken by the container {container.name}."
            if outer and not is_port_free(address, int(outer), inner.partition("/")[2]):
                return f"Port {outer} of this computer is taken by another program."
        return ""

    def _run(self) -> None:
        request = self.request()
        self.context.session.bridge.call(
            run(self.context.session.engine, request),
            lambda name: self.context.banners.tell("done", f"{name} runs"),
            self.context.banners.error,
            owner=self.context.session,
        )


async def run(engine: EngineClient, request: RunRequest) -> str:
    """Pull what is missing, create, start; its name.

    :raise EngineError: one of them failed; a container that could not be started is removed again.
    """
    platform = request.platform or None
    try:
        key = await engine.containers.create(request.config(), name=request.name or None, platform=platform)
    except NotFound:
        async for _ in engine.images.pull(request.image, platform=platform):
            pass
        key = await engine.containers.create(request.config(), name=request.name or None, platform=platform)
    try:
        await engine.containers.start(key)
    except EngineError:
        await engine.containers.remove(key, force=True)
        raise
    return str((await engine.containers.inspect(key))["Name"]).lstrip("/")


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def name_trouble(text: str) -> str:
    """Why a text cannot be a container's name (dockerd's own rule); empty when it can."""
    if not text:
        return "Give a name."
    if not text[0].isalnum() or not text.isascii():
        return "Begin with a letter or a digit."
    wrong = [letter for letter in text if not (letter.isalnum() or letter in "_.-")]
    if wrong:
        return f"“{wrong[0]}” cannot be in a name: use letters, digits, “_”, “.” and “-”."
    return "" if len(text) > 1 else "At least two characters."


def _name_trouble(text: str) -> str:
    return name_trouble(text) if text else ""


def _command_trouble(text: str) -> str:
    try:
        shlex.split(text)
    except ValueError:
        return "A quotation mark is missing."
    return ""


def _volume_trouble(text: str) -> str:
    for part in _parts(text):
        pieces = part.split(":")
        if len(pieces) < 2 or not pieces[1].startswith("/"):
            return f"“{part}”: say SOURCE:/FOLDER, or SOURCE:/FOLDER:ro."
        if not pieces[0].startswith("/") and len(pieces[0]) < 2:
            return f"“{pieces[0]}”: a volume's name has at least two characters."
    return ""


def _cpu_trouble(text: str) -> str:
    try:
        return "" if not text or float(text) > 0 else "More than 0."
    except ValueError:
        return "A number, such as 1.5."


def _memory_trouble(text: str) -> str:
    if not text:
        return ""
    try:
        return "" if parse_memory(text) >= 6 * 2**20 else "At least 6m."
    except ValueError as error:
        return f"Say {error}."
