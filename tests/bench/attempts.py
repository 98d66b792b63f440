"""What fails is tried again, then costs its own rows only: the benchmark goes on, and says what is missing."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

from tests.bench.raw import BadReply
from tests.bench.report import Report
from vm.errors import UserError

FAILURES = (UserError, subprocess.SubprocessError, OSError, BadReply)
"""How a machine, a peer or a program of the benchmark fails; anything else is a mistake in the benchmark."""

Say = Callable[[str], None]


def attempt(what: str, measure: Callable[[], None], report: Report, say: Say, tries: int = 2) -> bool:
    """Measure; when that fails, try again without the rows it has made; at last, note the reason.

    :param what: for the note, such as ``boot, stock Debian``.
    :return: whether it succeeded; otherwise the report is marked as incomplete.
    """
    rows = len(report.rows)
    for number in range(1, tries + 1):
        del report.rows[rows:]
        try:
            measure()
            return True
        except FAILURES as error:
            reason = str(error).strip()[:2000] or repr(error)
            say(f"{what} failed (try {number} of {tries}): {reason}")
    report.failures.append(f"{what}: {reason}")
    return False
