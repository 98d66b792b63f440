"""What travels over the control API, as frozen values: requests (verbs) and replies (reports), one file per area.

errors.py     ErrorReport, RemoteError
caller.py     CallerEnvironment: what each request says about the terminal or window that it comes from
work.py       Event: a line of a stream of long work; Note; Boot: the timings of a start
status.py     RunState, Status and what it consists of
settings.py   the settings, the desktop's menu
disk.py  images.py  network.py  folders.py  context.py  reset.py  engines.py  tls.py  kubernetes.py
diagnosis.py  checks, guest logs, the support bundle

codec.py turns them into JSON and back. A field that is added has a default, so that an older peer is understood;
what a peer does not know it ignores.
"""

from __future__ import annotations

from desktop.control.schema.caller import CallerEnvironment
from desktop.control.schema.context import ChangeHelpers, ContextReport
from desktop.control.schema.diagnosis import BundleFile, Check, LogPart, ReadLog
from desktop.control.schema.disk import CheckDisk, DiskReport, GrowDisk
from desktop.control.schema.engines import RemoveEngine, RequirementReport, UseEngine
from desktop.control.schema.errors import ErrorReport, RemoteError
from desktop.control.schema.folders import MOUNTED, FolderReport
from desktop.control.schema.images import BuildImage, ImageReport
from desktop.control.schema.kubernetes import (
    EnableKubernetes,
    KubernetesBackupReport,
    KubernetesPartReport,
    KubernetesPortReport,
    KubernetesReport,
    RestoreKubernetes,
)
from desktop.control.schema.network import PortReport, SshReport
from desktop.control.schema.reset import Reset, ResetLevel
from desktop.control.schema.settings import ChangeMenu, ChangeSettings, SettingsReport
from desktop.control.schema.status import (
    AcceleratorReport,
    EngineReport,
    EngineState,
    Hello,
    HopReport,
    MachineReport,
    MemoryReport,
    PartReport,
    PartState,
    RunState,
    Status,
    UsageReport,
    WarningReport,
    Watch,
)
from desktop.control.schema.tls import (
    CLIENT_DAYS,
    TLS_PORT,
    AddTlsClient,
    DisableTls,
    EnableTls,
    RevokeTlsClient,
    TlsBundle,
    TlsClientReport,
    TlsReport,
)
from desktop.control.schema.work import Boot, Event, Note, StageReport

__all__ = [
    "CLIENT_DAYS",
    "MOUNTED",
    "TLS_PORT",
    "AcceleratorReport",
    "AddTlsClient",
    "Boot",
    "BuildImage",
    "BundleFile",
    "CallerEnvironment",
    "ChangeHelpers",
    "ChangeMenu",
    "ChangeSettings",
    "Check",
    "CheckDisk",
    "ContextReport",
    "DisableTls",
    "DiskReport",
    "EnableKubernetes",
    "EnableTls",
    "EngineReport",
    "EngineState",
    "ErrorReport",
    "Event",
    "FolderReport",
    "GrowDisk",
    "Hello",
    "HopReport",
    "ImageReport",
    "KubernetesBackupReport",
    "KubernetesPartReport",
    "KubernetesPortReport",
    "KubernetesReport",
    "LogPart",
    "MachineReport",
    "MemoryReport",
    "Note",
    "PartReport",
    "PartState",
    "PortReport",
    "ReadLog",
    "RemoteError",
    "RemoveEngine",
    "RequirementReport",
    "Reset",
    "ResetLevel",
    "RestoreKubernetes",
    "RevokeTlsClient",
    "RunState",
    "SettingsReport",
    "SshReport",
    "StageReport",
    "Status",
    "TlsBundle",
    "TlsClientReport",
    "TlsReport",
    "UsageReport",
    "UseEngine",
    "WarningReport",
    "Watch",
]
