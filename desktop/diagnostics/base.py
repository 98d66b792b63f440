"""What every check receives, and how it is run. A check that fails unexpectedly is reported too."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from desktop.control.schema import Check, FolderReport, Status
from desktop.settings.schema import Settings, SettingsError
from vm.errors import UserError
from vm.host import Host
from vm.host.paths import Paths

log = logging.getLogger(__name__)

SEE_LOGS = "Look for the cause in the log: slipway logs"
"""The fix where no better one is known."""


@dataclass(frozen=True)
class Context:
    """The installation to check.

    :ivar settings: the settings in use, or why they cannot be used.
    :ivar environment: the environment variables of the client that asks, the rest being the supervisor's.
    :ivar unwatched: mounted folder → why not all of its changes are reported to containers.
    :ivar waiting_ports: why ports of running containers are not published yet.
    :ivar folders: the shared folders.
    """

    paths: Paths
    host: Host
    settings: Settings | SettingsError
    status: Status
    environment: Mapping[str, str]
    unwatched: Mapping[str, str] = field(default_factory=dict)
    waiting_ports: Sequence[str] = ()
    folders: Sequence[FolderReport] = ()


@dataclass(frozen=True)
class Finding:
    """The result of a check.

    :ivar passed: None if the check is not possible now; ``found`` says why.
    :ivar fix: what to do; only for a check that has not passed.
    """

    passed: bool | None
    found: str
    fix: str = ""

    def __post_init__(self) -> None:
        """:raise ValueError: it passed, and there is a fix: advice that nobody needs hides what somebody does."""
        if self.passed and self.fix:
            raise ValueError(f"“{self.found}” has passed: no fix is needed")


class Diagnosis(Protocol):
    """One check: a module with these three names. ``DESCRIPTION`` names what is checked."""

    NAME: str
    DESCRIPTION: str

    async def check(self, context: Context) -> Finding:
        """Run the check.

        :raise UserError: it failed; message and hint say why and what to do.
        """


async def run(diagnosis: Diagnosis, context: Context) -> Check:
    """Run one check. An error in the check itself becomes its finding and does not affect the others."""
    try:
        finding = await diagnosis.check(context)
    except UserError as error:
        finding = Finding(False, f"{error.message} {error.detail}".strip(), error.hint or SEE_LOGS)
    except Exception as error:
        log.exception("the check %s failed", diagnosis.NAME)
        finding = Finding(None, f"an error in this check: {error!r}", SEE_LOGS)
    return Check(diagnosis.NAME, diagnosis.DESCRIPTION, finding.passed, finding.found, finding.fix)
