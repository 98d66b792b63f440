"""The root of the one error tree, so that every failure a person can meet reads the same everywhere.

UserError                 message, hint, detail
├── StateError            a call in the wrong state (vm.state)
├── SettingsError         desktop.settings
├── HostError             a missing or unfit part of this computer (QEMU, disk space, tools)
├── ImageError            the system image: building, verifying, finding
├── DiskError             the data disk
├── MachineError          QEMU or the guest failed
│   ├── KernelCrash       the guest's kernel panicked
│   └── LinkError         the way into the guest failed
└── EngineError           dockerd, or the socket in front of it (engine)
"""

from __future__ import annotations


class UserError(Exception):
    """A failure told to a person.

    :ivar message: what went wrong, one sentence, no trailing period needed.
    :ivar hint: what to do about it; may be empty when nothing can be done.
    :ivar detail: the technical tail (exit codes, stderr, paths); may be empty, may have many lines.
    """

    def __init__(self, message: str, hint: str = "", detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.detail = detail

    @property
    def code(self) -> str:
        """A stable name for scripts and the control API: the class name, e.g. ``DiskError``."""
        return type(self).__name__

    def __str__(self) -> str:
        return self.message


class HostError(UserError):
    """This computer lacks something: a program, its version, space, a permission."""


class ImageError(UserError):
    """The system image cannot be built, found or trusted."""


class DiskError(UserError):
    """The data disk cannot be made, read, grown or repaired."""


class MachineError(UserError):
    """QEMU or the guest in it failed."""


class KernelCrash(MachineError):
    """The guest's kernel panicked; QEMU ends then."""


class LinkError(MachineError):
    """The way into the guest cannot be opened, or broke."""


class EngineError(UserError):
    """The container engine, or the socket in front of it, does not answer as it should."""
