"""What every check is given, and how one that fails in an unforeseen way is told."""

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


@dataclass(frozen=True)
class Context:
    """The installation to look at.

    :ivar settings: the settings in use, or why there are none.    :ivar environment: the supervisor's variables.
    :ivar unwatched: mounted folders of whose changes not all are told, and why.
    :ivar waiting_ports: why ports of containers that run cannot be had yet.
    :ivar folders: those that are shared.
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
    """What a check found. :ivar passed: None when it could not be made, ``found`` says why."""

    passed: bool | None
    found: str
    fix: str = ""


class Diagnosis(Protocol):
    """One check: a module with these three names."""

    NAME: str
    DESCRIPTION: str

    async def look(self, context: Context) -> Finding:
        """Make the check.

        :raise UserError: it did not pass; message and hint tell why and what to do.
        """


async def run(diagnosis: Diagnosis, context: Context) -> Check:
    """Make one check; a failure of the check itself is told like any other and never keeps the others away."""
    try:
        finding = await diagnosis.look(context)
    except UserError as error:
        finding = Finding(False, f"{error.message} {error.detail}".strip(), error.hint)
    except Exception as error:
        log.exception("the check %s failed", diagnosis.NAME)
        finding = Finding(None, f"this check failed itself: {error!r}", "Please report it with: slipway logs")
    return Check(diagnosis.NAME, diagnosis.DESCRIPTION, finding.passed, finding.found, finding.fix)
