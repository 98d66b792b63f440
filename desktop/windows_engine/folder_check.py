"""Refuses what another user has put in the place of the engine's folders, before an administrator uses it.

Every user may make folders below ProgramData. A junction there, made before the setup runs, would lead ``icacls``,
what the setup writes and what the service writes as SYSTEM to a folder of Windows' own. So would one deep inside a
folder that another user has made; such a folder is refused as a whole.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from desktop.windows_engine.places import Places
from vm.errors import HostError
from vm.host.windows_security import file_owner_sid, user_sid

STANDS_FOR_ANOTHER = 0x20000000
"""The bit of a reparse point's tag that links of all kinds have ([MS-FSCC] 2.1.2.1, name surrogate)."""

SYSTEM, ADMINISTRATORS = "S-1-5-18", "S-1-5-32-544"

IsTrusted = Callable[[Path], bool]


def is_administrators(folder: Path) -> bool:
    """Whether a folder belongs to SYSTEM, the administrators, or the one who runs this.

    :raise OSError: Windows does not tell.
    """
    return file_owner_sid(folder) in (SYSTEM, ADMINISTRATORS, user_sid())


def require_own_folders(places: Places, is_trusted: IsTrusted = is_administrators) -> None:
    """Look at the engine's folders and at what lies directly in them; nothing is changed.

    :raise HostError: one is a link or another user's, or cannot be looked at.
    """
    for folder in (Path(places.programs), Path(places.data)):
        try:
            _require_own(folder, is_trusted)
        except FileNotFoundError:
            continue  # it has not been made yet
        except OSError as error:
            raise HostError(f"{folder} cannot be examined: {error.strerror}", "", repr(error)) from error


def _require_own(folder: Path, is_trusted: IsTrusted) -> None:
    _require_no_link(folder)
    if not is_trusted(folder):
        raise HostError(
            f"{folder} belongs to a user who is no administrator, and nothing has changed",
            "Slipway makes this folder itself. Rename or delete it, and try again.",
        )
    with os.scandir(folder) as found:
        for one in found:
            _require_no_link(Path(one.path))


def _require_no_link(path: Path) -> None:
    found = path.lstat()
    tag = getattr(found, "st_reparse_tag", 0)
    if stat.S_ISLNK(found.st_mode) or tag & STANDS_FOR_ANOTHER:
        raise HostError(
            f"{path} is a link to another place, and nothing has changed",
            "Slipway makes its folders itself. Find out who made the link, delete it, and try again.",
            f"reparse tag {tag:#x}",
        )
