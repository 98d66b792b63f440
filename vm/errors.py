"""The root of the one error tree, so that every failure a user meets reads the same everywhere.

UserError                 message, hint, detail
├── StateError            a call in the wrong state (vm.state)
├── SettingsError         desktop.settings
├── HostError             a missing or unfit part of the host (QEMU, disk space, tools)
│   └── NotSetUp          what has to be set up by an administrator first
├── ImageError            the system image: building, verifying, finding
├── DiskError             the data disk
├── MachineError          QEMU or the guest failed
│   ├── PortTaken         a forwarded port cannot be bound
│   ├── TransientError    what another start usually cures
│   │   ├── QemuEnded     QEMU ended by itself
│   │   ├── KernelCrash   the guest's kernel panicked
│   │   ├── FolderServerEnded   the server of a shared folder ended
│   │   ├── StageTimeout  a stage of the boot took longer than its deadline
│   │   ├── GuestClockError     the guest's clock runs at the wrong speed
│   │   └── ChannelOccupied     another program is where QEMU should be
│   └── LinkError         the link into the guest failed
└── EngineError           dockerd, or the socket in front of it (engine)
"""

from __future__ import annotations

from typing import Self


class UserError(Exception):
    """A failure to show to the user.

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

    def copy(self) -> Self:
        """The same failure as a new exception, to raise where many wait for one failure.

        An exception that is raised again keeps the tracebacks of all who raised it before.
        """
        new = type(self).__new__(type(self), *self.args)
        new.__dict__.update(self.__dict__)
        return new


class HostError(UserError):
    """The host lacks something: a program, its version, space, a permission."""


class NotSetUp(HostError):
    """Something that an administrator has to set up first, such as a service."""


class ImageError(UserError):
    """The system image cannot be built, found or trusted."""


class DiskError(UserError):
    """The data disk cannot be made, read, grown or repaired."""


class MachineError(UserError):
    """QEMU or the guest in it failed."""


class PortTaken(MachineError):
    """QEMU could not bind a port that it forwards into the machine."""


class TransientError(MachineError):
    """A failure of the machine that another start usually cures."""


class QemuEnded(TransientError):
    """QEMU ended by itself: crashed, was killed, or the guest shut down."""


class KernelCrash(TransientError):
    """The guest's kernel panicked; QEMU ends then."""


class FolderServerEnded(TransientError):
    """A process that serves a shared folder ended, and with it the machine, which cannot go on without."""


class StageTimeout(TransientError):
    """A stage of the boot took longer than its deadline."""


class GuestClockError(TransientError):
    """The guest's clock runs at another speed than the host's."""


class ChannelOccupied(TransientError):
    """Another program listens where QEMU should, or keeps us from it."""


class LinkError(MachineError):
    """The link into the guest cannot be opened, or broke."""


class EngineError(UserError):
    """The container engine, or the socket in front of it, does not answer as it should."""
