"""Resources: processors, memory, acceleration and the data disk."""

from __future__ import annotations

from typing import Any

from desktop.control.schema import DiskReport
from desktop.settings.fields import Field
from desktop.ui.context import Context
from desktop.ui.models.format import size
from desktop.ui.models.settings import SettingsModel
from desktop.ui.pages.settings.editors import NumberEditor
from desktop.ui.pages.settings.form import SettingsForm
from desktop.ui.widgets.basics import label
from desktop.ui.words import tr


class ResourcesTab(SettingsForm):
    """What the machine may use, and what its disk takes now."""

    def __init__(self, context: Context, model: SettingsModel) -> None:
        disk_note = label("", "small", wrap=True, select=True)

        def disk(model: SettingsModel, item: Field) -> NumberEditor:
            made = NumberEditor(model, item)
            made.below = disk_note
            return made

        super().__init__(model, "resources", {"disk_gib": disk})
        self._session = context.session
        self.disk_note = disk_note

    def showEvent(self, event: Any) -> None:
        super().showEvent(event)
        self._session.control(lambda client: client.disk(), self.show_disk, owner=self)

    def show_disk(self, report: DiskReport) -> None:
        """Say what the disk takes now."""
        free, used = size(report.host_free), size(report.allocated)
        text = tr("{path} uses {used}. {free} are free on that disk.", path=report.path, used=used, free=free)
        if not report.exists:
            text = tr(
                "{path} is created at the first start. {free} are free on that disk.", path=report.path, free=free
            )
        self.disk_note.setText(text)
