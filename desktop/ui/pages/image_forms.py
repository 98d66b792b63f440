"""The forms that pull, tag and build images."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QCheckBox, QComboBox, QFileDialog, QPlainTextEdit, QWidget

from desktop.ui.widgets.basics import button, label, row
from desktop.ui.widgets.dialogs import Form
from engine.client.build.build import Build
from engine.client.registry import reference_trouble

OWN_PLATFORM = "Native"
PLATFORMS = (
    "linux/amd64",
    "linux/arm64",
    "linux/arm/v7",
    "linux/386",
    "linux/ppc64le",
    "linux/riscv64",
    "linux/s390x",
)
ARGUMENTS_HEIGHT = 64


class PlatformBox(QComboBox):
    """A list of platforms; others can be typed."""

    def __init__(self) -> None:
        super().__init__()
        self.setEditable(True)
        self.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.addItems([OWN_PLATFORM, *PLATFORMS])

    @property
    def platform(self) -> str:
        """The chosen platform; empty for the native one."""
        text = self.currentText().strip()
        return "" if text == OWN_PLATFORM else text


class PullForm(Form):
    """Which image to pull."""

    def __init__(self, parent: QWidget, name: str = "") -> None:
        text = "Enter a name with a tag or digest. Without one, the tag “latest” is pulled."
        super().__init__(parent, "Pull an image", "Pull", text)
        self.image = self.field("Image", "for example nginx:1.29 or ghcr.io/owner/name", name, reference_trouble)
        self.platform = PlatformBox()
        self.add("Platform", self.platform)


class TagForm(Form):
    """The new name of an image."""

    def __init__(self, parent: QWidget, reference: str) -> None:
        super().__init__(parent, f"Tag {reference}", "Tag", "Adds another name to the same image.")
        hint = "for example registry.example/me/app:1.0"
        self.name = self.field("New name", hint, check=reference_trouble)


class BuildForm(Form):
    """What to build, and how."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(
            parent, "Build an image", "Build", "Builds from a folder with a Dockerfile, using BuildKit."
        )
        self.setMinimumWidth(560)
        self.folder = self.field("Folder", "the build context, for COPY and ADD", check=folder_error)
        self.form.addRow("", row(button("Choose a folder…", self._choose, picture="files"), None))
        self.tag = self.field("Tag", "for example me/app:1.0", check=reference_trouble)
        self.dockerfile = self.field("Dockerfile", value="Dockerfile", check=self._dockerfile_error)
        self.target = self.field("Target", "the last stage")
        self.arguments = QPlainTextEdit(placeholderText="NAME=value, one per line")
        self.arguments.setFixedHeight(ARGUMENTS_HEIGHT)
        self.arguments.setTabChangesFocus(True)
        self.add("Arguments", self.arguments)
        self.reason = label("", "reason", wrap=True)
        self.reason.hide()
        self.form.addRow("", self.reason)
        self.platform = PlatformBox()
        self.add("Platform", self.platform)
        self.no_cache = QCheckBox("Build without the cache")
        self.pull = QCheckBox("Pull newer base images")
        for box in (self.no_cache, self.pull):
            box.setAccessibleName(box.text())
            self.form.addRow("", box)

    def build(self) -> Build:
        """The build that the form describes."""
        pairs = (line.strip().partition("=") for line in self.arguments.toPlainText().splitlines() if line.strip())
        return Build(
            Path(self.folder.text().strip()).expanduser(),
            (self.tag.text().strip(),),
            self.dockerfile.text().strip() or "Dockerfile",
            self.target.text().strip(),
            {name.strip(): value for name, _, value in pairs},
            self.platform.platform,
            not self.no_cache.isChecked(),
            self.pull.isChecked(),
        )

    def check(self, *, final: bool = False) -> bool:
        wrong = [
            line.strip()
            for line in self.arguments.toPlainText().splitlines()
            if (line.strip() and not line.partition("=")[0].strip().isidentifier()) or line.strip().isidentifier()
        ]
        self.reason.setText(f"“{wrong[0]}” is not NAME=value." if wrong else "")
        self.reason.setVisible(bool(wrong))
        return super().check(final=final) and not wrong

    def _choose(self) -> None:
        found = QFileDialog.getExistingDirectory(self, "Choose the folder to build", str(Path.home()))
        if found:
            self.folder.setText(found)

    def _dockerfile_error(self, text: str) -> str:
        folder = Path(self.folder.text().strip()).expanduser()
        name = text or "Dockerfile"
        if not self.folder.text().strip() or not folder.is_dir():
            return ""
        path = (folder / name).resolve()
        if not path.is_relative_to(folder.resolve()):
            return "The Dockerfile must be in the folder."
        return "" if path.is_file() else f"The folder has no file “{name}”."


def folder_error(text: str) -> str:
    """Why a text is not a folder; empty when it is one."""
    if not text:
        return "Choose a folder."
    return "" if Path(text).expanduser().is_dir() else "This folder does not exist."
