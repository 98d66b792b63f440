"""Resources: processors, memory, acceleration and the data disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from desktop.control.schema import DiskReport, SettingsReport
from desktop.ui.models.format import size
from desktop.ui.pages.settings.form import FormTab
from desktop.ui.widgets.basics import label

if TYPE_CHECKING:
    from desktop.ui.pages.settings.page import SettingsPage

ACCELERATION = {
    "auto": "Automatic: the best that is proven to work",
    "kvm": "KVM (Linux)",
    "hvf": "Hypervisor framework (macOS)",
    "whpx": "Windows Hypervisor Platform",
    "tcg": "Software emulation: slow, works everywhere",
}


class ResourcesTab(FormTab):
    """See the module."""

    def __init__(self, page: SettingsPage) -> None:
        super().__init__(page)
        form = self.form("The machine", "What the Linux machine may take of this computer.")
        self.cpu_note, self.memory_note = label("", "muted"), label("", "muted")
        self.cpus = self.line(form, "cpus", "Processors", note=self.cpu_note)
        self.memory = self.line(form, "memory_mib", "Memory", note=self.memory_note)
        self.accelerator = self.choice(form, "accelerator", "Acceleration", ACCELERATION)
        disk = self.form(
            "The data disk", "It holds images, containers and volumes. It can grow, and loses nothing by that."
        )
        self.disk = self.line(disk, "disk_gib", "Size", note=label("GiB", "muted"))
        self.disk_note = label("", "muted", wrap=True)
        disk.addRow("", self.disk_note)
        self.finish()

    def show_report(self, report: SettingsReport, *, anew: bool = False) -> None:
        self.cpu_note.setText(f"of {report.host_cpus} in this computer")
        self.memory_note.setText(f"MiB, of {report.host_memory_mib:,} in this computer")
        super().show_report(report, anew=anew)

    def show_disk(self, report: DiskReport) -> None:
        """What the disk takes now."""
        used = (
            f"takes {size(report.allocated)} of this computer's disk"
            if report.exists
            else "is made at the first start"
        )
        self.disk_note.setText(f"{report.path} {used}; {size(report.host_free)} are free there.")
